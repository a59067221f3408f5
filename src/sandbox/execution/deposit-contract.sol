// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.28;

// The deposit contract of the consensus specifications (interface, events, checks and tree), written anew for the
// sandbox. Compiled into deposit-contract.ts with: solc 0.8.28, optimizer 200 runs, EVM version london, no metadata hash.
contract DepositContract {
    uint256 private constant DEPTH = 32;
    uint256 private constant MAX_COUNT = 2 ** DEPTH - 1;

    bytes32[DEPTH] private branch;
    bytes32[DEPTH] private zeroHashes;
    uint256 private count;

    event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index);

    constructor() {
        for (uint256 height = 0; height < DEPTH - 1; height++) {
            zeroHashes[height + 1] = pair(zeroHashes[height], zeroHashes[height]);
        }
    }

    function get_deposit_root() external view returns (bytes32) {
        bytes32 node;
        uint256 size = count;
        for (uint256 height = 0; height < DEPTH; height++) {
            node = size & 1 == 1 ? pair(branch[height], node) : pair(node, zeroHashes[height]);
            size >>= 1;
        }
        return sha256(abi.encodePacked(node, littleEndian(uint64(count)), bytes24(0)));
    }

    function get_deposit_count() external view returns (bytes memory) {
        return littleEndian(uint64(count));
    }

    function deposit(
        bytes calldata pubkey,
        bytes calldata withdrawal_credentials,
        bytes calldata signature,
        bytes32 deposit_data_root
    ) external payable {
        require(pubkey.length == 48, "DepositContract: invalid pubkey length");
        require(withdrawal_credentials.length == 32, "DepositContract: invalid withdrawal_credentials length");
        require(signature.length == 96, "DepositContract: invalid signature length");
        require(msg.value >= 1 ether, "DepositContract: deposit value too low");
        require(msg.value % 1 gwei == 0, "DepositContract: deposit value not multiple of gwei");
        uint256 gweiAmount = msg.value / 1 gwei;
        require(gweiAmount <= type(uint64).max, "DepositContract: deposit value too high");
        bytes memory amount = littleEndian(uint64(gweiAmount));
        emit DepositEvent(pubkey, withdrawal_credentials, amount, signature, littleEndian(uint64(count)));

        bytes32 node = dataRoot(pubkey, withdrawal_credentials, amount, signature);
        require(
            node == deposit_data_root,
            "DepositContract: reconstructed DepositData does not match supplied deposit_data_root"
        );
        require(count < MAX_COUNT, "DepositContract: merkle tree full");
        insert(node);
    }

    // ERC-165: this contract and the interface itself.
    function supportsInterface(bytes4 id) external pure returns (bool) {
        bytes4 own = this.deposit.selector ^ this.get_deposit_root.selector ^ this.get_deposit_count.selector;
        return id == 0x01ffc9a7 || id == own;
    }

    // hash_tree_root(DepositData)
    function dataRoot(
        bytes calldata pubkey,
        bytes calldata credentials,
        bytes memory amount,
        bytes calldata signature
    ) private pure returns (bytes32) {
        bytes32 pubkeyRoot = sha256(abi.encodePacked(pubkey, bytes16(0)));
        bytes32 signatureRoot = pair(
            sha256(signature[:64]),
            sha256(abi.encodePacked(signature[64:], bytes32(0)))
        );
        bytes32 left = sha256(abi.encodePacked(pubkeyRoot, credentials));
        return pair(left, sha256(abi.encodePacked(amount, bytes24(0), signatureRoot)));
    }

    function insert(bytes32 node) private {
        count += 1;
        uint256 size = count;
        for (uint256 height = 0; height < DEPTH; height++) {
            if (size & 1 == 1) {
                branch[height] = node;
                return;
            }
            node = pair(branch[height], node);
            size >>= 1;
        }
        assert(false);
    }

    function pair(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(left, right));
    }

    function littleEndian(uint64 value) private pure returns (bytes memory bytes_) {
        bytes_ = new bytes(8);
        for (uint256 place = 0; place < 8; place++) {
            bytes_[place] = bytes1(uint8(value >> (8 * place)));
        }
    }
}

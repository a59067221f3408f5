import { encrypt } from '@metamask/eth-sig-util';

/** product.md, Binding credentials: what `eth_decrypt` of the key's holder returns is the credentials' JSON itself. */
export function encryptedCredentials(credentials: object, encryptionPublicKey: string) {
  const { version, nonce, ephemPublicKey, ciphertext } = encrypt({
    publicKey: encryptionPublicKey,
    data: JSON.stringify(credentials),
    version: 'x25519-xsalsa20-poly1305',
  });
  return { encrypted: { version, nonce, ephemPublicKey, ciphertext } };
}

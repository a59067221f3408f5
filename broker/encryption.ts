import { encryptTo, encryptToJwe } from '../src/encrypt-to.js';

/** How credentials are encrypted to a party's x25519 key; the first is what wallets read. */
export const ENCRYPTION_FORMATS = ['x25519-xsalsa20-poly1305', 'jwe'] as const;
export type EncryptionFormat = (typeof ENCRYPTION_FORMATS)[number];

/** product.md, Binding credentials: what `eth_decrypt` of the key's holder returns is the credentials' JSON itself; so is a JWE's text. */
export async function encryptedCredentials(credentials: object, publicKey: string, format: EncryptionFormat) {
  switch (format) {
    case 'x25519-xsalsa20-poly1305':
      return { encrypted: encryptTo(publicKey, credentials) };
    case 'jwe':
      return { encrypted: { version: format, jwe: await encryptToJwe(publicKey, credentials) } };
  }
}

/**
 * C1: a page elsewhere can make a browser reach a loopback broker by rebinding its own name; then Host is that name.
 * Answers a predicate of the Host header.
 */
export function hostCheck(publicUrl: string, otherNames: readonly string[]): (host: string | undefined) => boolean {
  const names = new Set([new URL(publicUrl).hostname, ...otherNames].map((name) => name.toLowerCase()));
  return (host) => {
    const name = hostName(host);
    return name !== undefined && (names.has(name) || isLoopbackName(name));
  };
}

function hostName(host: string | undefined): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i.exec(host ?? '')?.[1]?.toLowerCase();
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

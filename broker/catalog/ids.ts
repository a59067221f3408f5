import { createHash } from 'node:crypto';
import type { CatalogDocument, PlanEntry, ServiceEntry } from './document.js';

/** Name-based UUID (RFC 9562, 5.5): the same namespace and name give the same GUID for ever. */
function uuidV5(namespace: string, name: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The GUIDs of a service and its plans: the document's own where it gives one, else derived from the names. */
export function derivedIds(document: Pick<CatalogDocument, 'namespace'>, service: ServiceEntry) {
  return {
    service: service.id ?? uuidV5(document.namespace, service.name),
    plan: (plan: PlanEntry) => plan.id ?? uuidV5(document.namespace, `${service.name}/${plan.name}`),
  };
}

import type { RpcGroup } from './endpoint.js';
import type { Method } from './groups.js';

/** The OpenRPC 1.3 document of what a credential may call; parameters are the Ethereum execution APIs' own. */
export function describeMethods(methods: Iterable<Method>, groups: ReadonlySet<RpcGroup>): object {
  const callable = [...methods].filter(({ group }) => group === 'any' || groups.has(group));
  return {
    openrpc: '1.3.2',
    info: { title: 'OVSB RPC endpoint', version: '1' },
    externalDocs: { url: 'https://ethereum.github.io/execution-apis/' },
    methods: callable.map(({ name, group, cost }) => ({
      name,
      params: [],
      result: { name: 'result', schema: true },
      'x-group': group,
      'x-units': cost,
    })),
  };
}

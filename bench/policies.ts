/** Policy sets of any size, always the same. */

const ACTIONS = [
  'instance:create',
  'read',
  'update',
  'bind',
  'delete',
  'rpc:read',
  'rpc:send',
  'allocate',
  'plan',
  'pause',
];
const TYPES: Readonly<Record<string, string>> = {
  'instance:create': 'Plan',
  read: 'Plan',
  update: 'Instance',
  bind: 'Instance',
  delete: 'Binding',
  'rpc:read': 'Binding',
  'rpc:send': 'Binding',
  allocate: 'Keys',
  plan: 'Fleet',
  pause: 'Fleet',
};

/** As an operator's set grows: most policies name an action and a plan or a party; one in a hundred forbids in general. */
export function policiesOf(count: number): string {
  const lines = Array.from({ length: count }, (_, index) => {
    const action = ACTIONS[index % ACTIONS.length] ?? 'read';
    const type = TYPES[action];
    if (index % 100 === 0) return 'forbid (principal, action, resource) when { context.now < 0 };';
    const scope = index % 3 === 0 ? `resource == OVSB::${type}::"r${index}"` : `resource is OVSB::${type}`;
    const principal = index % 2 === 0 ? `principal == OVSB::Party::"p${index}"` : 'principal';
    const when = `context.claims has eth_address && ["0x${index}"].contains(context.claims.eth_address)`;
    return `permit (${principal}, action == OVSB::Action::"${action}", ${scope}) when { ${when} };`;
  });
  lines.push(
    'permit (principal, action == OVSB::Action::"instance:create", resource is OVSB::Plan) when { context.claims has eth_address };',
  );
  return lines.join('\n');
}

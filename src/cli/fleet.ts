import { Command } from 'commander';
import { type DiversityBody, percent } from './fleet-bodies.js';
import { operatorClient } from './operator-client.js';
import { print, table } from './print.js';

/** `ovsb fleet`: who holds how much, what is broken, what one bug would cost. */
export function fleetCommand(): Command {
  return new Command('fleet')
    .description("the fleet's shares by stake, broken targets, and risk")
    .option('--json', 'one JSON document on stdout')
    .action(async ({ json }: { json?: boolean }) => {
      const body = (await operatorClient().call('GET', '/fleet/diversity')).body as unknown as DiversityBody;
      print(json, body, lines(body));
    });
}

function lines({ keys, mode, paused, shares, violations, risk }: DiversityBody): string[] {
  const rows = (['consensus', 'execution'] as const).flatMap((layer) =>
    shares[layer].map(({ name, share, keys: held }) => {
      const broken = violations.find((one) => one.layer === layer && one.name === name);
      return [layer, name, percent(share), String(held), broken ? `limit ${percent(broken.limit)}` : ''];
    }),
  );
  const worst = Object.entries(risk.largest).flatMap(([time, loss]) =>
    loss ? [`${time}: ${loss.eth} ETH (${loss.name})`] : [],
  );
  return [
    `${keys} keys, mode ${mode}${paused ? `, paused: ${paused.reason}` : ''}`,
    ...table([['layer', 'implementation', 'share', 'keys', 'broken'], ...rows]),
    violations.length === 0 ? 'all targets are met' : `${violations.length} targets are broken: ovsb plan`,
    `largest loss by one bug (${risk.precision}): ${worst.join(', ')}`,
    `effective clients: consensus ${risk.effective_clients.consensus?.inverse_hhi}, execution ${risk.effective_clients.execution?.inverse_hhi}`,
  ];
}

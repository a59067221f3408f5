import { epochOf } from '../chain/spec.js';
import { presentValidator, type Validator } from '../chain/validators.js';
import { Refusal, type Request, type Route } from '../http.js';
import { currentFork } from './node-routes.js';
import { data, type NodeView } from './node-view.js';

const ID_LIMIT = 100_000;

/** `/eth/v1/beacon/states/{state_id}/*`. Every state of the simulation has the newest registry, at that state's epoch. */
export function stateRoutes(view: NodeView): Route[] {
  const at = (path: string) => `/eth/v1/beacon/states/{state_id}/${path}`;
  return [
    ['GET', at('root'), (request) => data(view, { root: stateOf(view, request).root })],
    [
      'GET',
      at('fork'),
      (request) => {
        stateOf(view, request);
        return data(view, currentFork());
      },
    ],
    [
      'GET',
      at('finality_checkpoints'),
      (request) => {
        stateOf(view, request);
        return data(view, view.chain.finality());
      },
    ],
    ['GET', at('validators'), (request) => validators(view, request, listOf(request, 'id'), listOf(request, 'status'))],
    [
      'POST',
      at('validators'),
      (request) => {
        const body = (request.body ?? {}) as { ids?: unknown; statuses?: unknown };
        return validators(view, request, strings(body.ids, 'ids'), strings(body.statuses, 'statuses'));
      },
    ],
    ['GET', at('validators/{validator_id}'), (request) => oneValidator(view, request)],
    ['GET', at('validator_balances'), (request) => balances(view, request, listOf(request, 'id'))],
    ['POST', at('validator_balances'), (request) => balances(view, request, strings(request.body, 'body'))],
  ];
}

interface State {
  readonly root: string;
  readonly epoch: number;
}

/** `head`, `genesis`, `finalized`, `justified`, a slot or a state root. */
function stateOf(view: NodeView, request: Request): State {
  const id = request.params.state_id ?? '';
  const { chain } = view;
  const finality = chain.finality();
  if (id === 'head') return { root: chain.head().header.state_root, epoch: chain.clock.epoch() };
  if (id === 'finalized') return stateAt(view, Number(finality.finalized.epoch) * 8);
  if (id === 'justified') return stateAt(view, Number(finality.current_justified.epoch) * 8);
  if (id === 'genesis') return stateAt(view, 0);
  if (/^\d{1,15}$/.test(id)) {
    if (Number(id) > chain.clock.slot()) throw new Refusal(404, 'state not found');
    return stateAt(view, Number(id));
  }
  if (!/^0x[0-9a-f]{64}$/i.test(id)) throw new Refusal(400, `invalid state id: ${id.slice(0, 80)}`);
  if (chain.head().header.state_root === id.toLowerCase())
    return { root: id.toLowerCase(), epoch: chain.clock.epoch() };
  throw new Refusal(404, 'state not found');
}

function stateAt(view: NodeView, slot: number): State {
  return { root: view.chain.attestationData(slot).beacon_block_root, epoch: epochOf(slot) };
}

function validators(view: NodeView, request: Request, ids: readonly string[], statuses: readonly string[]) {
  const { epoch } = stateOf(view, request);
  const found = chosen(view, ids).map((validator) => presentValidator(validator, epoch));
  const wanted = found.filter(
    ({ status }) => statuses.length === 0 || statuses.some((name) => status.startsWith(name)),
  );
  return data(view, wanted);
}

function oneValidator(view: NodeView, request: Request) {
  const { epoch } = stateOf(view, request);
  const [validator] = chosen(view, [request.params.validator_id ?? '']);
  if (!validator) throw new Refusal(404, 'validator not found');
  return data(view, presentValidator(validator, epoch));
}

function balances(view: NodeView, request: Request, ids: readonly string[]) {
  stateOf(view, request);
  return data(
    view,
    chosen(view, ids).map((validator) => ({
      index: String(validator.index),
      balance: validator.balanceGwei.toString(),
    })),
  );
}

/** By public key or index, unknown ones left out; all when none is named. */
function chosen(view: NodeView, ids: readonly string[]): Validator[] {
  if (ids.length === 0) return [...view.chain.validators.all()];
  const found = new Map<number, Validator>();
  for (const id of ids) {
    const isKey = /^0x[0-9a-f]{96}$/i.test(id);
    if (!isKey && !/^\d{1,15}$/.test(id)) throw new Refusal(400, `invalid validator id: ${id.slice(0, 100)}`);
    const { validators: registry } = view.chain;
    const validator = isKey ? registry.byPublicKey(id.toLowerCase()) : registry.byIndex(Number(id));
    if (validator) found.set(validator.index, validator);
  }
  return [...found.values()];
}

function listOf(request: Request, name: string): string[] {
  return request.query.getAll(name).flatMap((value) => value.split(','));
}

export function strings(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > ID_LIMIT || !value.every((item) => typeof item === 'string')) {
    throw new Refusal(400, `${name} must be a list of strings`);
  }
  return value as string[];
}

import type { ServerResponse } from 'node:http';
import type { Block } from '../chain/block.js';
import { epochOf, firstSlot } from '../chain/spec.js';
import { Refusal, type Route } from '../http.js';
import type { NodeView } from './node-view.js';

const TOPICS = ['head', 'block', 'finalized_checkpoint'];

/** `GET /eth/v1/events?topics=head,…`: server-sent events of new blocks and of finality. */
export function eventRoutes(view: NodeView): Route[] {
  return [
    [
      'GET',
      '/eth/v1/events',
      (request) => {
        const topics = request.query.getAll('topics').flatMap((value) => value.split(','));
        const unknown = topics.find((topic) => !TOPICS.includes(topic));
        if (topics.length === 0 || unknown !== undefined)
          throw new Refusal(400, `topics must be of ${TOPICS.join(', ')}`);
        return { status: 200, stream: (response) => follow(view, new Set(topics), response) };
      },
    ],
  ];
}

function follow(view: NodeView, topics: ReadonlySet<string>, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  let finalized = view.chain.finality().finalized.epoch;
  const tell = (event: string, value: unknown): void => {
    if (topics.has(event)) response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
  };
  const stop = view.chain.onBlock((block: Block) => {
    const optimistic = view.faults().optimistic;
    tell('block', { slot: String(block.slot), block: block.root, execution_optimistic: optimistic });
    tell('head', {
      slot: String(block.slot),
      block: block.root,
      state: block.header.state_root,
      epoch_transition: block.slot === firstSlot(epochOf(block.slot)),
      execution_optimistic: optimistic,
    });
    const newest = view.chain.finality().finalized;
    if (newest.epoch === finalized) return;
    finalized = newest.epoch;
    const state = view.chain.blockByRoot(newest.root)?.header.state_root ?? '';
    tell('finalized_checkpoint', { block: newest.root, state, epoch: newest.epoch, execution_optimistic: optimistic });
  });
  response.on('close', stop);
}

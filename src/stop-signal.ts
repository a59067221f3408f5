/** How often the parent is looked at. */
const PARENT_MS = 250;

export interface StopSignal {
  came(): boolean;
  /** Does the work once, when the signal comes or when it came already. */
  act(work: () => Promise<void>): void;
}

/**
 * SIGTERM, SIGINT or SIGHUP; further ones change nothing (npm may send SIGTERM twice). Under npm or npx, the end of that
 * parent counts too: their shell dies of the signal that was meant for us, and passes nothing on.
 * @param failed gets what the work throws.
 */
export function stopSignal(failed: (reason: unknown) => void): StopSignal {
  let came = false;
  const first = new Promise<void>((resolve) => {
    const come = () => {
      came = true;
      resolve();
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, come);
    if (process.env.npm_lifecycle_event !== undefined) onParentGone(come);
  });
  return { came: () => came, act: (work) => void first.then(work).catch(failed) };
}

function onParentGone(act: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, PARENT_MS);
  timer.unref();
}

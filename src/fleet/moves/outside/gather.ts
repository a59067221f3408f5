/**
 * Joins calls of the same kind made within a short while into one. A call that comes while one runs waits for the next:
 * nobody gets an answer to a question asked before theirs.
 */
export class Gather<Item, Result> {
  readonly #waiting = new Map<
    string,
    { item: Item; resolve: (result: Result) => void; reject: (reason: unknown) => void }[]
  >();

  /**
   * @param windowMs how long the first call waits for others.
   * @param run answers all items of one key, in order. @param most items of one run.
   */
  constructor(
    private readonly windowMs: number,
    private readonly most: number,
    private readonly run: (key: string, items: readonly Item[]) => Promise<readonly Result[]>,
  ) {}

  ask(key: string, item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(key) ?? [];
      if (waiting.length === 0) {
        this.#waiting.set(key, waiting);
        setTimeout(() => void this.#flush(key), this.windowMs);
      }
      waiting.push({ item, resolve, reject });
    });
  }

  async #flush(key: string): Promise<void> {
    const all = this.#waiting.get(key) ?? [];
    const batch = all.splice(0, this.most);
    if (all.length > 0) setTimeout(() => void this.#flush(key), 0);
    else this.#waiting.delete(key);
    try {
      const results = await this.run(
        key,
        batch.map(({ item }) => item),
      );
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new Error('a joined call has no answer'));
        else resolve(result);
      });
    } catch (thrown) {
      for (const { reject } of batch) reject(thrown);
    }
  }
}

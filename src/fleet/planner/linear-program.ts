/** A linear program as text in CPLEX LP format, built in a fixed order: the same rows give the same bytes. */
export type Term = readonly [coefficient: number, variable: string];

export class LinearProgram {
  private readonly cost: string[] = [];
  private readonly rows: string[] = [];
  private readonly bounds: string[] = [];
  private readonly integers: string[] = [];
  variables = 0;
  /** The part of the price that no decision changes; not in the text. */
  constant = 0;

  /** A variable of 0 … upper; `whole` when it may be asked to be an integer. */
  variable(name: string, cost: number, upper: number, whole: boolean): void {
    this.variables += 1;
    if (cost !== 0) this.cost.push(term(cost, name));
    this.bounds.push(Number.isFinite(upper) ? `0 <= ${name} <= ${number(upper)}` : `${name} >= 0`);
    if (whole) this.integers.push(name);
  }

  /** No terms: no row. */
  row(name: string, terms: readonly Term[], relation: '<=' | '>=' | '=', right: number): void {
    const text = terms
      .filter(([coefficient]) => coefficient !== 0)
      .map(([coefficient, variable]) => term(coefficient, variable));
    if (text.length > 0) this.rows.push(`${name}: ${wrap(text)} ${relation} ${number(right)}`);
  }

  text(integral: boolean): string {
    const whole = integral && this.integers.length > 0 ? `General\n ${wrap(this.integers)}\n` : '';
    const cost = this.cost.length > 0 ? wrap(this.cost) : '';
    return `Minimize\n obj: ${cost}\nSubject To\n ${this.rows.join('\n ')}\nBounds\n ${this.bounds.join('\n ')}\n${whole}End\n`;
  }
}

function term(coefficient: number, variable: string): string {
  const size = Math.abs(coefficient);
  return `${coefficient < 0 ? '-' : '+'} ${size === 1 ? '' : `${number(size)} `}${variable}`;
}

/** Twelve digits: more would carry the noise of sums. */
function number(value: number): string {
  return String(Number(value.toPrecision(12)));
}

/** The reader of the format dislikes lines beyond 560 characters. */
function wrap(words: readonly string[]): string {
  let text = '';
  let width = 0;
  for (const word of words) {
    text += width === 0 ? word : ` ${word}`;
    width += word.length + 1;
    if (width > 400) {
      text += '\n ';
      width = 0;
    }
  }
  return text.trimEnd();
}

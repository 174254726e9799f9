import type { Output } from './terminal.js';

export interface Step {
  /** Rows, or bytes, that are done. */
  readonly rows: number;
  /** How many there are in all, where that is known. */
  readonly total?: number;
  /** What is being done; a line says so when it begins. */
  readonly phase?: string;
}

const barWidth = 24;
const redrawMs = 100;
const plainMs = 5_000;

/** Shows rows or bytes, how many per second and the time left: a bar that is redrawn for people, a line now and then for a log. */
export class Progress {
  readonly #label: string;
  readonly #output: Output;
  readonly #unit: 'rows' | 'bytes';
  readonly #from = performance.now();
  #drawn = -Infinity;
  #last: Step = { rows: 0 };
  /** The first rows of the phase, and when they came: waiting for them is not part of the rate. */
  #first: { readonly rows: number; readonly at: number } | undefined;

  /** @param unit What is counted; default `rows`. */
  constructor(label: string, output: Output, unit: 'rows' | 'bytes' = 'rows') {
    this.#label = label;
    this.#output = output;
    this.#unit = unit;
    if (!this.#isTTY) this.#drawn = this.#from;
  }

  readonly update = (step: Step): void => {
    const changed = step.phase !== this.#last.phase;
    const begins = changed && step.phase !== undefined;
    this.#last = step;
    const now = performance.now();
    if (changed) this.#first = undefined;
    if (step.rows > 0) this.#first ??= { rows: step.rows, at: now };
    if (!begins && now - this.#drawn < (this.#isTTY ? redrawMs : plainMs)) return;
    this.#drawn = now;
    this.#output.write(this.#isTTY ? `\r${this.#line()}\u001b[K` : `${this.#line()}\n`);
  };

  /** Replaces the bar by a last line. */
  finish(summary: string): void {
    const text = `${this.#label}: ${summary} in ${duration(performance.now() - this.#from)}`;
    this.#output.write(this.#isTTY ? `\r${text}\u001b[K\n` : `${text}\n`);
  }

  /** Leaves the bar as it is, so that an error begins on a line of its own. */
  leave(): void {
    if (this.#isTTY && this.#drawn > 0) this.#output.write('\n');
  }

  get #isTTY(): boolean {
    return this.#output.isTTY === true;
  }

  #line(): string {
    const { rows, total, phase } = this.#last;
    const label = phase === undefined ? this.#label : `${this.#label}: ${phase}`;
    if (phase !== undefined && rows === 0) return label;
    const perSecond = this.#perSecond(rows);
    const amount = this.#unit === 'bytes' ? size : count;
    const unit = this.#unit === 'bytes' ? '' : ' rows';
    const texts = [`${amount(rows)}${total === undefined ? '' : ` of ${amount(total)}`}${unit}`];
    if (perSecond !== undefined) texts.push(`${amount(Math.round(perSecond))}${unit}/s`);
    if (total === undefined) return `${label}: ${texts.join(', ')}`;
    if (perSecond !== undefined) texts.push(`${duration(((total - rows) / perSecond) * 1000)} left`);
    return `${label}: ${this.#isTTY ? `${bar(rows / Math.max(total, 1))} ` : ''}${texts.join(', ')}`;
  }

  /** Rows per second since the first rows of the phase; `undefined` before there are more. */
  #perSecond(rows: number): number | undefined {
    if (this.#first === undefined || rows <= this.#first.rows) return undefined;
    return ((rows - this.#first.rows) * 1000) / Math.max(performance.now() - this.#first.at, 1);
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * barWidth);
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)}`;
}

/** `3,000,000` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `0.4 s`, `12 s`, `3 min 20 s` */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const sizes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `0 B`, `10.0 MiB`, `1.5 TiB` */
export function size(bytes: number): string {
  const power = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)), sizes.length - 1);
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${sizes[power]}`;
}

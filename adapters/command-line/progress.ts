import type { Output } from './terminal.js';

export interface Step {
  readonly rows: number;
  /** Rows there are in all, where that is known. */
  readonly total?: number;
  /** What is being done; a line says so when it begins. */
  readonly phase?: string;
}

const barWidth = 24;
const redrawMs = 100;
const plainMs = 5_000;

/** Shows rows, rows per second and the time left: a bar that is redrawn for people, a line now and then for a log. */
export class Progress {
  readonly #label: string;
  readonly #output: Output;
  readonly #from = performance.now();
  #drawn = -Infinity;
  #last: Step = { rows: 0 };

  constructor(label: string, output: Output) {
    this.#label = label;
    this.#output = output;
    if (!this.#isTTY) this.#drawn = this.#from;
  }

  readonly update = (step: Step): void => {
    const begins = step.phase !== this.#last.phase;
    this.#last = step;
    const now = performance.now();
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
    const seconds = (performance.now() - this.#from) / 1000;
    const perSecond = rows / Math.max(seconds, 0.001);
    const speed = `${count(rows)}${total === undefined ? '' : ` of ${count(total)}`} rows, ${count(Math.round(perSecond))} rows/s`;
    if (total === undefined || rows === 0) return `${label}: ${speed}`;
    const left = duration(((total - rows) / perSecond) * 1000);
    return `${label}: ${this.#isTTY ? `${bar(rows / Math.max(total, 1))} ` : ''}${speed}, ${left} left`;
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

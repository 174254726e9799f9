import { openLoop } from '../../core/operations/open-loop.js';
import { HttpClient, jsonRequest } from '../bench/http-client.js';
import { percentile } from '../bench/measure.js';

/** What became of all requests of such a load. */
export interface LoadReport {
  readonly answered: number;
  /** What was answered with another status than 200, or not at all, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Answers that are not those of the model. */
  readonly wrong: readonly string[];
  /** The versions that answered. */
  readonly versions: ReadonlySet<string>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

interface Answer {
  readonly model_version: string;
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

/** Asks the model of chaos.py over Open Inference at a rate, whether or not earlier requests have been answered, until it is told to stop. */
export class CheckedLoad {
  readonly #url: string;
  readonly #stopping = new AbortController();
  readonly #idle: HttpClient[] = [];
  readonly #open = new Set<HttpClient>();
  readonly #running = new Set<Promise<void>>();
  readonly #times: number[] = [];
  readonly #failures: Record<string, number> = {};
  readonly #wrong: string[] = [];
  readonly #versions = new Set<string>();
  readonly #loop: Promise<unknown>;

  constructor(url: string, perSecond: number) {
    this.#url = url;
    this.#loop = openLoop((index, due) => this.#ask(index, due), {
      perSecond,
      seconds: 3_600,
      signal: this.#stopping.signal,
    });
  }

  /** The requests that have been answered, well or not. */
  get asked(): number {
    return this.#times.length;
  }

  /** Begins no more requests, and waits for those that have begun. */
  async stop(): Promise<LoadReport> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.all(this.#running);
    for (const client of this.#open) client.close();
    return {
      answered: this.#times.length,
      failures: this.#failures,
      wrong: this.#wrong,
      versions: this.#versions,
      p50Ms: percentile(this.#times, 0.5),
      p99Ms: percentile(this.#times, 0.99),
      slowestMs: percentile(this.#times, 1),
    };
  }

  async #ask(index: number, due: number): Promise<void> {
    const asking = this.#exchange(index)
      .catch((error: unknown) => this.#fail((error as Error).message))
      .then(() => void this.#times.push(performance.now() - due));
    this.#running.add(asking);
    await asking;
    this.#running.delete(asking);
  }

  async #exchange(index: number): Promise<void> {
    const [a, b] = [index % 1_000, index % 7];
    const request = jsonRequest('/v2/models/affine/infer', {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [a, b] }],
    });
    let client = this.#idle.pop();
    if (client === undefined) this.#open.add((client = await HttpClient.open(this.#url)));
    const { status, answer } = await client.exchange(request);
    this.#idle.push(client);
    const body = answer.toString().split('\r\n\r\n')[1]!;
    if (status !== 200) return this.#fail(`${status} ${body}`);
    const { model_version: version, outputs } = JSON.parse(body) as Answer;
    this.#versions.add(version);
    const expected = a + 2 * b + Number(version);
    if (outputs[0]!.data[0] !== expected)
      this.#wrong.push(`version ${version} of ${a}, ${b}: ${outputs[0]!.data[0]}, not ${expected}`);
  }

  #fail(what: string): void {
    this.#failures[what] = (this.#failures[what] ?? 0) + 1;
  }
}

import { Mistakes } from '../config/mistake.js';
import { timeoutSignal } from '../kernel/timer.js';
import type { Signature } from '../models/bundle.js';
import type { Clock } from '../parts/context.js';
import type { Plan } from '../pipeline/plan.js';
import { predictor, type DescribedModel } from '../ports/predictor.js';
import { checkLocks, contractText } from './features-lock.js';
import type { PartSet } from './part-set.js';
import { PipelineRunner } from './pipeline-runner.js';
import type { CheckedSpecification } from './specification.js';

/** The pipelines of a server: compiled with what its models say of themselves, once its parts have started. */
export class ServedPipelines {
  readonly #checked: CheckedSpecification;
  readonly #parts: PartSet;
  readonly #clock: Clock;
  /** How long models have to say what they are. */
  readonly #timeoutMs: number;
  #runners: ReadonlyMap<string, PipelineRunner> = new Map();

  constructor(
    checked: CheckedSpecification,
    {
      parts,
      clock,
      timeoutMs,
    }: { readonly parts: PartSet; readonly clock: Clock; readonly timeoutMs: number },
  ) {
    this.#checked = checked;
    this.#parts = parts;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** By name; none before `create`. */
  get runners(): ReadonlyMap<string, PipelineRunner> {
    return this.#runners;
  }

  /** By name; before `create` they may lack what models give. */
  get plans(): ReadonlyMap<string, Plan> {
    return this.#runners.size === 0
      ? this.#checked.plans
      : new Map([...this.#runners].map(([name, { plan }]) => [name, plan]));
  }

  /** @throws {ConfigError} where a pipeline does not fit its model. */
  async create(): Promise<void> {
    const described = await this.#describe();
    const plans = this.#compiled(signaturesOf(described), described);
    const { container } = this.#checked;
    this.#runners = new Map(
      [...plans].map(([name, plan]) => [name, new PipelineRunner(plan, { container, clock: this.#clock })]),
    );
  }

  async signatures(): Promise<ReadonlyMap<string, Signature>> {
    return signaturesOf(await this.#describe());
  }

  /** @param signatures In place of those of the models, by predictor part. */
  async compile(signatures: ReadonlyMap<string, Signature>): Promise<ReadonlyMap<string, Plan>> {
    const own = await this.#describe();
    // What takes the place of a model has a lock of its own.
    const locked = new Map([...own].filter(([name]) => !signatures.has(name)));
    return this.#compiled(new Map([...signaturesOf(own), ...signatures]), locked);
  }

  async #describe(): Promise<ReadonlyMap<string, DescribedModel>> {
    const context = { signal: timeoutSignal(this.#timeoutMs) };
    const described = await Promise.all(
      this.#parts
        .running(predictor)
        .map(async ([name, part]) => [name, await part.describe(context)] as const),
    );
    return new Map(described);
  }

  #compiled(
    signatures: ReadonlyMap<string, Signature>,
    described: ReadonlyMap<string, DescribedModel>,
  ): ReadonlyMap<string, Plan> {
    const mistakes = new Mistakes();
    const plans = this.#checked.compile((name) => signatures.get(name), mistakes);
    this.#checked.throwIfAny(mistakes);
    checkLocks(plans.values(), described, {
      mistakes,
      warn: (difference) => {
        const { pipeline, step, predictor: part } = difference;
        this.#parts.log.warn(`the model ${contractText(difference)}`, { pipeline, step, part });
      },
    });
    this.#checked.throwIfAny(mistakes);
    return plans;
  }
}

function signaturesOf(described: ReadonlyMap<string, DescribedModel>): ReadonlyMap<string, Signature> {
  return new Map([...described].map(([name, { signature }]) => [name, signature]));
}

import { VivaceError, type CallContext, type PartContext, type Planes } from 'vivace';
import { Call } from 'vivace';
import { pipelineModel } from './pipeline-model.js';
import { predictorModel } from './predictor-model.js';
import { ServedModel, type ModelTarget } from './served-model.js';

/** What a name of the option `models` stands for. */
export type Renamed = Readonly<
  Record<string, { readonly pipeline: string } | { readonly predictor: string }>
>;

/** Segments of the protocol's own paths: a model of such a name could not be asked. */
const reserved = new Set(['stats', 'ready', 'versions', 'config']);

interface Candidate {
  readonly name: string;
  /** `pipeline "rank"` */
  readonly what: string;
  /** How the option `models` would name it. */
  readonly option: string;
  readonly target: ModelTarget;
}

/**
 * Every pipeline under its name and every predictor under the name of its model, unless the option `models` gives them other names.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with every mistake: names that clash, are reserved, or stand for nothing.
 */
export async function servedModels(
  {
    planes,
    renamed,
    part,
    clock,
  }: {
    readonly planes: Planes;
    readonly renamed: Renamed;
    readonly part: string;
    readonly clock: PartContext['clock'];
  },
  { signal }: CallContext,
): Promise<ReadonlyMap<string, ServedModel>> {
  const mistakes: string[] = [];
  const names = ownNames(renamed);
  const candidates: Candidate[] = [];
  for (const pipeline of planes.data.pipelines.names()) {
    const target = pipelineModel(planes, pipeline);
    const option = `{ pipeline: ${pipeline} }`;
    for (const name of names.take(`pipeline ${pipeline}`) ?? [pipeline])
      candidates.push({ name, what: `pipeline "${pipeline}"`, option, target });
  }
  const call = new Call({ requestId: part, signal });
  for (const { name: predictor } of planes.data.predictors.list()) {
    const described = await planes.data.predictors.describe(predictor, call);
    const target = predictorModel(planes, predictor, described);
    const option = `{ predictor: ${predictor} }`;
    for (const name of names.take(`predictor ${predictor}`) ?? [described.model.name])
      candidates.push({ name, what: `predictor "${predictor}"`, option, target });
  }
  for (const [what, wrong] of names.left())
    mistakes.push(`models.${wrong}: there is no ${what.replace(' ', ' "')}"`);

  // Keys: names of models.
  const served = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const { name, what, option } = candidate;
    const other = served.get(name);
    if (reserved.has(name))
      mistakes.push(
        `the name "${name}" of the ${what} is part of the protocol: add \`models: { my-${name}: ${option} }\``,
      );
    else if (other === undefined) served.set(name, candidate);
    else
      mistakes.push(
        `the ${other.what} and the ${what} are both the model "${name}": add \`models: { ${name}-2: ${option} }\``,
      );
  }
  if (mistakes.length > 0)
    throw new VivaceError('INVALID_CONFIG', mistakes.map((text) => `parts.${part}: ${text}`).join('\n'), {
      path: `parts.${part}.models`,
    });
  // Keys: names of models.
  return new Map([...served].map(([name, { target }]) => [name, new ServedModel(name, target, clock)]));
}

/** The names that the option gives, by what they stand for. */
function ownNames(renamed: Renamed): {
  take(what: string): readonly string[] | undefined;
  left(): readonly (readonly [what: string, name: string])[];
} {
  // Keys: names of models.
  const byTarget = new Map<string, string[]>();
  for (const [name, target] of Object.entries(renamed)) {
    const what = 'pipeline' in target ? `pipeline ${target.pipeline}` : `predictor ${target.predictor}`;
    byTarget.set(what, [...(byTarget.get(what) ?? []), name]);
  }
  return {
    take(what) {
      const names = byTarget.get(what);
      byTarget.delete(what);
      return names;
    },
    left: () => [...byTarget].flatMap(([what, names]) => names.map((name) => [what, name] as const)),
  };
}

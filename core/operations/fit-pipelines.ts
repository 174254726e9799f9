import type { Server } from '../composition/server-interface.js';
import { ConfigError } from '../config/mistake.js';
import type { BundleManifest, Signature } from '../models/bundle.js';
import type { PlanNode } from '../pipeline/plan.js';
import { defaultAlias } from '../ports/model-repository.js';
import { checkCounts, type ModelColumns } from './model-columns.js';
import { widthOf, type TrainingSet } from './training-columns.js';
import { wrongOption } from './wrong-option.js';

/** Compiles the pipelines as if the model served: what does not fit is found before anything is written. */
export async function checkPipelines(
  server: Server,
  {
    repository,
    manifest: { name, version, signature: own },
    alias,
    trainingSet,
  }: {
    repository: string;
    manifest: BundleManifest;
    alias: string | false;
    trainingSet: TrainingSet | undefined;
  },
): Promise<void> {
  const tags = alias === false ? [version] : [version, alias];
  const references = [...tags.map((tag) => `${name}@${tag}`), ...(alias === defaultAlias ? [name] : [])];
  const predictors = server.bindings
    .filter(
      ({ ports, slots, options }) =>
        ports.includes('predictor') &&
        Object.values(slots).includes(repository) &&
        references.includes(String((options as { model?: unknown }).model)),
    )
    .map((binding) => binding.name);
  const plans = await server.compile(new Map<string, Signature>(predictors.map((each) => [each, own])));
  const used = [...plans.values()].flatMap((plan) => plan.nodes.flatMap(partsOf));
  if (!used.some((part) => predictors.includes(part)))
    checkCounts(own, (columns) => widthOf(columns, trainingSet));
}

/** The mistakes that a pipeline makes of the given columns, as mistakes of that option: none of them stands in the file. */
export function asColumns(error: unknown, columns: ModelColumns): unknown {
  if (!(error instanceof ConfigError)) return error;
  const names = Object.values(columns).flat() as readonly string[];
  const found = error.mistakes.flatMap(({ path, message }) => {
    const isOfInput = path[0] === 'pipelines' && path[4] === 'inputs';
    const isOfColumn =
      names.some((name) => message.includes(`"${name}"`)) || message.startsWith('the columns give');
    return isOfInput && isOfColumn ? [`${message} (pipeline "${path[1]}")`] : [];
  });
  return found.length === error.mistakes.length && found.length > 0
    ? wrongOption('columns', found.join('; '), error)
    : error;
}

/** The parts that a node of a plan uses. */
function partsOf(node: PlanNode): string[] {
  return Object.values(node.definition.parts?.(node) ?? {}).flatMap((used) => used?.part ?? []);
}

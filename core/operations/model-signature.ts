import { differenceOf } from '../models/difference.js';
import { signature, type Signature, type TensorSpec } from '../models/bundle.js';
import { rowWidth } from '../models/shape.js';
import { isList, withColumns, type ModelColumns } from './model-columns.js';
import { agreedOutputs, chosenOutputs, type ModelOutput } from './model-outputs.js';
import type { ModelSource } from './model-source.js';
import { disagree, type Said } from './said.js';
import { featureColumns, widthOf, type TrainingSet } from './training-columns.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** What is known of a model's inputs and outputs, and who says it. */
interface Sources {
  readonly source: ModelSource;
  /** Options of the call. */
  readonly columns?: ModelColumns | undefined;
  readonly outputs?: readonly ModelOutput[] | undefined;
  readonly signature?: unknown;
  readonly trainingSet?: TrainingSet | undefined;
  /** What the model file itself says, asked only where no whole signature is given. */
  readonly inspect: () => Promise<
    { readonly inputs: readonly unknown[]; readonly outputs: readonly unknown[] } | undefined
  >;
}

/** The only input of a model that says nothing of its own, and its only output. */
const defaultInput = 'features';
const defaultOutput: TensorSpec = { name: 'score', datatype: 'FP32', shape: [-1] };

/**
 * The signature of a model. The first that says it wins: options, `signature.json`, `model.yaml`, the training set, the model file itself. Where two of
 * them say different things, neither wins.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, with the option as `path`, where nothing says it, or two disagree: the message names both.
 */
export async function modelSignature(sources: Sources): Promise<Signature> {
  const { source } = sources;
  const given = wholeSignature(sources);
  const base = given ?? (await ownSignature(sources));
  const said = columnsSaid(sources);
  const outputs = agreedOutputs(sources, base);
  const over = source.yaml?.over;
  if (given !== undefined && over !== undefined && over !== given.value.over)
    throw disagree('over', given, { by: 'model.yaml', option: 'file', value: over }, [
      given.value.over,
      over,
    ]);
  const whole =
    base === undefined
      ? fromColumns(sources, said, outputs)
      : {
          ...base.value,
          outputs: chosenOutputs(base.value.outputs, outputs),
          ...(given === undefined && over !== undefined ? { over } : {}),
        };
  return withSaidColumns(whole, { said, base, trainingSet: sources.trainingSet });
}

/** A signature that is given whole: as an option, or as a file beside the model. */
function wholeSignature({ source, signature: option }: Sources): Said<Signature> | undefined {
  const given =
    option === undefined
      ? undefined
      : { by: 'the option', option: 'signature', value: parseOption(signature, option, 'signature') };
  const beside =
    source.signature === undefined
      ? undefined
      : {
          by: 'signature.json',
          option: 'file',
          value: parseOption(signature, source.signature, 'signature.json'),
        };
  const different =
    given &&
    beside &&
    differenceOf({ signature: beside.value }, { signature: given.value }, { was: 'signature.json' });
  if (different !== undefined)
    throw wrongOption('signature', `the option and signature.json of the folder disagree: ${different}`);
  return given ?? beside;
}

/** What the model file says of itself. */
async function ownSignature({ inspect, source }: Sources): Promise<Said<Signature> | undefined> {
  const own = await inspect();
  if (own === undefined) return undefined;
  const value = parseOption(signature, { ...own, over: 'row' }, 'file');
  return { by: source.entry, option: 'file', value };
}

/** Who says which columns, the first of whom is heard; the training set only knows what there was. */
function columnsSaid({ source, columns }: Sources): readonly Said<ModelColumns>[] {
  return [
    ...(columns === undefined ? [] : [{ by: 'the option', option: 'columns', value: columns }]),
    ...(source.yaml?.columns === undefined
      ? []
      : [{ by: 'model.yaml', option: 'file', value: source.yaml.columns }]),
  ];
}

/** A signature of a model that says nothing of itself: one FP32 tensor for all columns, or one for each list of them. */
function fromColumns(
  { source, trainingSet }: Sources,
  said: readonly Said<ModelColumns>[],
  outputs: readonly TensorSpec[] | undefined,
): Signature {
  const columns = said[0]?.value ?? (trainingSet && featureColumns(trainingSet));
  if (columns === undefined)
    throw wrongOption(
      'signature',
      `${source.entry} does not describe its inputs and outputs: name its columns, or give its signature`,
    );
  const inputs = isList(columns) ? { [defaultInput]: columns } : columns;
  return parseOption(
    signature,
    {
      inputs: Object.entries(inputs).map(([name, names]) => ({
        name,
        datatype: 'FP32',
        shape: [-1, widthOf(names, trainingSet)],
      })),
      outputs: outputs ?? [defaultOutput],
      over: source.yaml?.over ?? 'row',
    },
    'signature',
  );
}

/** The signature with the columns that are said of it, where all who say any agree. */
function withSaidColumns(
  whole: Signature,
  {
    said,
    base,
    trainingSet,
  }: {
    readonly said: readonly Said<ModelColumns>[];
    readonly base: Said<Signature> | undefined;
    readonly trainingSet: TrainingSet | undefined;
  },
): Signature {
  const bySource = said.map((each) => ({ ...each, value: withColumns(whole, each.value) }));
  if (base?.value.inputs.some(({ columns }) => columns !== undefined) === true) bySource.push(base);
  for (const [i, other] of bySource.entries()) {
    const first = bySource[0]!;
    for (const [at, { name, columns }] of i === 0 ? [] : first.value.inputs.entries()) {
      const theirs = other.value.inputs[at]!.columns;
      if (columns === undefined || theirs === undefined || areSame(columns, theirs)) continue;
      throw disagree(`columns of the input "${name}"`, first, other, [columns.join(', '), theirs.join(', ')]);
    }
  }
  const result = bySource.reduceRight((signatureSoFar, { value }) => merged(signatureSoFar, value), whole);
  return withTrainingSet(result, trainingSet, bySource[0]);
}

/** Whether two name the same columns: a model that remembers `distance` was trained on what a pipeline calls `request.distance`. */
function areSame(columns: readonly string[], others: readonly string[]): boolean {
  const alike = (one: string, other: string): boolean => one === other || one.endsWith(`.${other}`);
  return columns.length === others.length && columns.every((column, i) => alike(column, others[i]!));
}

/** The columns of one signature, and of another where that one has none. */
function merged(otherwise: Signature, first: Signature): Signature {
  const inputs = otherwise.inputs.map((input, i) => {
    const columns = first.inputs[i]?.columns ?? input.columns;
    return columns === undefined ? input : { ...input, columns };
  });
  return { ...otherwise, inputs };
}

/** Takes the features of the training set for a model with one input, where nobody else says its columns; or checks that the set has those said. */
function withTrainingSet(
  whole: Signature,
  trainingSet: TrainingSet | undefined,
  said: Said<unknown> | undefined,
): Signature {
  if (trainingSet?.columns === undefined) return whole;
  const known = trainingSet.columns.map(({ name }) => name);
  const named = whole.inputs.flatMap(({ columns = [] }) => columns);
  const foreign = named.find((name) => !known.includes(name.replace(/\[\d+\]$/, '')));
  if (foreign !== undefined)
    throw wrongOption(
      said?.option ?? 'file',
      `${said?.by ?? 'the signature'} names the column ${foreign}, but the training set has no such column; it has ${known.join(', ')}`,
    );
  const [only, ...others] = whole.inputs;
  if (named.length > 0 || others.length > 0) return whole;
  const columns = featureColumns(trainingSet);
  const width = rowWidth(only!);
  // A model that sees other columns than all of the features: a pipeline, or an option, has to say which.
  if (columns === undefined || (width > 0 && width !== widthOf(columns, trainingSet))) return whole;
  return withColumns(whole, columns);
}

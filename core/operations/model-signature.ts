import { z } from 'zod';
import { parseType } from '../data/types.js';
import { differenceOf } from '../models/difference.js';
import { signature, tensorSpec, type Signature, type TensorSpec } from '../models/bundle.js';
import { withColumns, type ModelColumns } from './model-columns.js';
import type { ModelSource } from './model-source.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** An output by its name, its name and datatype (`label:INT64`), or with its shape too (`probabilities:FP32[-1,3]`); or as a tensor. */
export type ModelOutput = string | TensorSpec;

/** A manifest of a training set, as far as it describes a model. */
export const trainingSetSchema = z.object({
  id: z.string(),
  features: z.record(z.string(), z.string()),
  columns: z.array(z.object({ name: z.string(), type: z.string() })).optional(),
});
export type TrainingSet = z.output<typeof trainingSetSchema>;

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

/** Something that is said, and who says it, for messages. */
interface Said<T> {
  readonly by: string;
  readonly option: string;
  readonly value: T;
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

/** Of the outputs that a model can give, those that are said, in their order. */
function chosenOutputs(
  own: Signature['outputs'],
  said: readonly { readonly name: string }[] | undefined,
): Signature['outputs'] {
  return said?.flatMap(({ name }) => own.find((output) => output.name === name) ?? []) ?? own;
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

/** How many values some columns give a row: vectors give several, where the training set says that they are vectors. */
export function widthOf(names: readonly string[], trainingSet: TrainingSet | undefined): number {
  return names.reduce((sum, name) => {
    const type = trainingSet?.columns?.find((column) => column.name === name)?.type;
    return sum + (type === undefined ? 1 : parseType(type).width);
  }, 0);
}

const beside = /^(?:time$|(?:request|object|label|failed)\.)/;
const numbers = ['float32', 'float64', 'int32', 'int64', 'bool'];

/** The features of a training set in its order; `undefined` where its manifest lists no columns. */
function featureColumns({ columns }: TrainingSet): readonly string[] | undefined {
  const features = columns?.filter(({ name }) => !beside.test(name));
  if (features === undefined || features.length === 0) return undefined;
  const other = features.find(({ type }) => {
    const { element, kind } = parseType(type);
    return kind === 'list' || !numbers.includes(element);
  });
  if (other !== undefined)
    throw wrongOption(
      'trainingSet',
      `${other.name} is a ${other.type}, which an FP32 tensor cannot hold: name the columns of the model`,
    );
  return features.map(({ name }) => name);
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
  const width = only!.shape.slice(1).reduce((product, size) => product * size, 1);
  // A model that sees other columns than all of the features: a pipeline, or an option, has to say which.
  if (columns === undefined || (width > 0 && width !== widthOf(columns, trainingSet))) return whole;
  return withColumns(whole, columns);
}

/** An output as it is said: without a datatype where only the name is. */
interface SaidOutput {
  readonly name: string;
  readonly datatype?: TensorSpec['datatype'];
  readonly shape?: readonly number[];
}

const outputForm = /^([^:[\]]+)(?::([A-Z0-9]+))?(?:\[([-\d,\s]*)\])?$/;

function parseOutput(output: ModelOutput, option: string): SaidOutput {
  if (typeof output !== 'string') return output;
  const [, name, datatype, shape] = outputForm.exec(output.trim()) ?? [];
  if (name === undefined)
    throw wrongOption(option, `"${output}" is not an output: write a name, name:INT64 or name:FP32[-1,3]`);
  const checked = parseOption(
    tensorSpec,
    { name, datatype: datatype ?? 'FP32', shape: shape === undefined ? [-1] : shape.split(',').map(Number) },
    option,
  );
  return {
    name,
    ...(datatype === undefined ? {} : { datatype: checked.datatype }),
    ...(shape === undefined ? {} : { shape: checked.shape }),
  };
}

/** The outputs that are said, which must be those of the model where it says its own; `undefined` where nobody says any. */
function agreedOutputs(
  { source, outputs }: Sources,
  base: Said<Signature> | undefined,
): readonly TensorSpec[] | undefined {
  const said: Said<readonly SaidOutput[]>[] = [];
  const add = (by: string, option: string, given: readonly ModelOutput[] | undefined): void => {
    if (given === undefined) return;
    said.push({ by, option, value: given.map((output) => parseOutput(output, option)) });
  };
  add('the option', 'outputs', outputs);
  add('model.yaml', 'file', source.yaml?.outputs);
  const [first, ...others] = base === undefined ? said : [...said, { ...base, value: base.value.outputs }];
  if (first === undefined) return undefined;
  for (const other of others) {
    // A model may be able to give more than what it is asked for; a signature says what it is asked for.
    const isChoice = other.by === source.entry;
    const same =
      (isChoice || first.value.length === other.value.length) &&
      first.value.every((output, i) => {
        const theirs = isChoice ? other.value.find(({ name }) => name === output.name) : other.value[i];
        return theirs !== undefined && isSame(output, theirs);
      });
    if (!same)
      throw disagree(
        'outputs',
        first,
        other,
        [first.value, other.value].map(outputsText) as [string, string],
      );
  }
  return first.value.map(({ name, datatype = 'FP32', shape = [-1] }) => ({
    name,
    datatype,
    shape: [...shape],
  }));
}

function isSame(one: SaidOutput, other: SaidOutput): boolean {
  const unlike = (a: unknown, b: unknown): boolean =>
    a !== undefined && b !== undefined && JSON.stringify(a) !== JSON.stringify(b);
  return one.name === other.name && !unlike(one.datatype, other.datatype) && !unlike(one.shape, other.shape);
}

function outputsText(outputs: readonly SaidOutput[]): string {
  return outputs
    .map(
      ({ name, datatype, shape }) =>
        `${name}${datatype === undefined ? '' : `:${datatype}`}${shape === undefined ? '' : `[${shape.join(',')}]`}`,
    )
    .join(', ');
}

/** The error of two who say different things. */
function disagree(
  what: string,
  one: Said<unknown>,
  other: Said<unknown>,
  [says, otherSays]: readonly [string, string],
): Error {
  return wrongOption(one.option, `${what}: ${one.by} says ${says}, but ${other.by} says ${otherSays}`);
}

function isList(columns: ModelColumns): columns is readonly string[] {
  return Array.isArray(columns);
}

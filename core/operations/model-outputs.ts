import { tensorSpec, type Signature, type TensorSpec } from '../models/bundle.js';
import type { ModelSource } from './model-source.js';
import { disagree, type Said } from './said.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** An output by its name, its name and datatype (`label:INT64`), or with its shape too (`probabilities:FP32[-1,3]`); or as a tensor. */
export type ModelOutput = string | TensorSpec;

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
export function agreedOutputs(
  {
    source,
    outputs,
  }: { readonly source: ModelSource; readonly outputs?: readonly ModelOutput[] | undefined },
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

/** Of the outputs that a model can give, those that are said, in their order. */
export function chosenOutputs(
  own: Signature['outputs'],
  said: readonly { readonly name: string }[] | undefined,
): Signature['outputs'] {
  return said?.flatMap(({ name }) => own.find((output) => output.name === name) ?? []) ?? own;
}

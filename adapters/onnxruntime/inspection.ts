import type { Datatype, ModelInspection, Signature, TensorSpec } from 'vivace';
import { messageOf, VivaceError } from 'vivace/wire';
import type { InferenceSession } from 'onnxruntime-node';

/** ONNX Runtime's names of the types that Vivace has. */
export const datatypes: Readonly<Record<string, Datatype>> = {
  float32: 'FP32',
  float64: 'FP64',
  int32: 'INT32',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'BYTES',
};

/** What the converters of scikit-learn, LightGBM and XGBoost call a column of a datatype. */
const converterTypes: Readonly<Record<Datatype, string>> = {
  FP32: 'FloatTensorType',
  FP64: 'DoubleTensorType',
  INT32: 'Int32TensorType',
  INT64: 'Int64TensorType',
  BOOL: 'BooleanTensorType',
  BYTES: 'StringTensorType',
};

type Side = 'input' | 'output';

/** Runs a session on `rows` rows of zeros; gives the shape of each output. */
export type Probe = (
  inputs: readonly TensorSpec[],
  rows: number,
) => Promise<Readonly<Record<string, readonly number[]>>>;

/**
 * The tensors of a session, or an error that says which of them cannot be served and how to export it so that it can.
 *
 * A converter may declare an output with a fixed number of rows that it does not have, as LightGBM's does with its label. The model then
 * says itself what it gives: it is run on two rows and on three.
 */
export async function inspectSession(session: InferenceSession, probe: Probe): Promise<ModelInspection> {
  const inputs = session.inputMetadata.map((metadata) => toSpec(metadata, 'input'));
  for (const input of inputs) if (input.shape[0] !== -1) throw refuse(fixedInput(input));
  const outputs = session.outputMetadata.map((metadata) => toSpec(metadata, 'output'));
  const wrong = outputs.filter(({ shape }) => shape[0] !== -1);
  if (wrong.length === 0) return { inputs, outputs };
  const names = wrong.map(({ name }) => `"${name}"`).join(', ');
  const shapes = await Promise.all([2, 3].map((rows) => probe(inputs, rows))).catch((cause: unknown) => {
    throw refuse(
      `the model does not say that its output ${names} has one row per row of its input, and it cannot be asked, because it fails on zeros (${messageOf(cause)}): export it with a dynamic first dimension`,
    );
  });
  return {
    inputs,
    outputs: outputs.map((output) => {
      if (output.shape[0] === -1) return output;
      const [two, three] = shapes.map((each) => each[output.name] ?? []) as [
        readonly number[],
        readonly number[],
      ];
      if (two[0] !== 2 || three[0] !== 3) {
        throw refuse(
          `output "${output.name}" has ${two.length === 0 ? 'no rows: it is one value' : `${two[0]} rows for 2 rows of input`}; its first dimension must be the row`,
        );
      }
      const inner =
        output.shape.length === two.length
          ? output.shape
          : two.map((size, i) => (size === three[i] ? size : -1));
      return { ...output, shape: [-1, ...inner.slice(1)] };
    }),
  };
}

function toSpec(metadata: InferenceSession.ValueMetadata, side: Side): TensorSpec {
  const what = `${side} "${metadata.name}"`;
  if (!metadata.isTensor) {
    throw refuse(
      `${what} is a sequence or a map, not a tensor. Export a classifier without ZipMap: scikit-learn with ` +
        "to_onnx(clf, …, options={id(clf): {'zipmap': False}}), LightGBM with convert_lightgbm(clf, …, zipmap=False)",
    );
  }
  const datatype = datatypes[metadata.type];
  if (datatype === undefined) {
    throw refuse(
      `${what} is ${metadata.type}; Vivace has ${Object.keys(datatypes).join(', ')}: cast it in the exported graph`,
    );
  }
  const shape = metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  if (shape.length === 0 && side === 'input')
    throw refuse(`${what} is a scalar or of unknown shape; its first dimension must be the row`);
  return { name: metadata.name, datatype, shape };
}

function fixedInput({ name, datatype, shape }: TensorSpec): string {
  const rest = shape.slice(1).map((size) => (size === -1 ? 'None' : String(size)));
  const type = `${converterTypes[datatype]}([${['None', ...rest].join(', ')}])`;
  return (
    `input "${name}" is fixed to ${shape[0]} ${shape[0] === 1 ? 'row' : 'rows'}: export the model for any number of them. ` +
    `scikit-learn, LightGBM, XGBoost: initial_types=[("${name}", ${type})]; PyTorch: dynamic_axes={"${name}": {0: "rows"}}`
  );
}

/** Throws where a bundle's signature is not what the session takes and gives; outputs may be left out. */
export function checkSignature(session: InferenceSession, { inputs, outputs }: Signature): void {
  for (const [side, declared, metadata] of [
    ['input', inputs, session.inputMetadata],
    ['output', outputs, session.outputMetadata],
  ] as const) {
    const names = metadata.map(({ name }) => name).join(', ');
    for (const spec of declared) {
      const found = metadata.find(({ name }) => name === spec.name);
      if (found === undefined) throw refuse(`the model has no ${side} "${spec.name}"; it has ${names}`);
      const actual = toSpec(found, side);
      if (side === 'input' && actual.shape[0] !== -1) throw refuse(fixedInput(actual));
      if (actual.datatype !== spec.datatype || !sameShape(actual, spec, side)) {
        throw refuse(
          `${side} "${spec.name}" is ${actual.datatype} [${actual.shape.join(', ')}] in the model, ` +
            `${spec.datatype} [${spec.shape.join(', ')}] in the signature`,
        );
      }
    }
  }
  const missing = session.inputNames.find((name) => !inputs.some((spec) => spec.name === name));
  if (missing !== undefined) throw refuse(`the model's input "${missing}" is not in the signature`);
}

/** Of an output whose rows the model declares wrongly, or whose shape it does not declare, each answer is checked instead. */
function sameShape({ shape: actual }: TensorSpec, { shape: declared }: TensorSpec, side: Side): boolean {
  if (side === 'output' && actual.length === 0) return true;
  return (
    actual.length === declared.length &&
    actual.every(
      (dimension, i) =>
        dimension === -1 || declared[i] === -1 || dimension === declared[i] || (side === 'output' && i === 0),
    )
  );
}

function refuse(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', message);
}

import type { Datatype, ModelInspection, Signature, TensorSpec } from 'vivace';
import { VivaceError } from 'vivace/wire';
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

/** The tensors of a session, or an error that says which of them cannot be served and how to export it so that it can. */
export function inspectSession(session: InferenceSession): ModelInspection {
  return {
    inputs: session.inputMetadata.map((metadata) => toSpec(metadata, 'input')),
    outputs: session.outputMetadata.map((metadata) => toSpec(metadata, 'output')),
  };
}

function toSpec(metadata: InferenceSession.ValueMetadata, side: 'input' | 'output'): TensorSpec {
  const what = `${side} "${metadata.name}"`;
  if (!metadata.isTensor) {
    throw refuse(
      `${what} is a sequence or a map, not a tensor. Export a scikit-learn classifier without ZipMap: ` +
        "to_onnx(model, …, options={id(model): {'zipmap': False}})",
    );
  }
  const datatype = datatypes[metadata.type];
  if (datatype === undefined) {
    throw refuse(
      `${what} is ${metadata.type}; Vivace has ${Object.keys(datatypes).join(', ')}: cast it in the exported graph`,
    );
  }
  const shape = metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  if (shape.length === 0)
    throw refuse(`${what} is a scalar or of unknown shape; its first dimension must be the row`);
  if (shape[0] !== -1) {
    throw refuse(`${what} is fixed to ${shape[0]} rows: export the model with a dynamic first dimension`);
  }
  return { name: metadata.name, datatype, shape };
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
      if (actual.datatype !== spec.datatype || !sameShape(actual.shape, spec.shape)) {
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

function sameShape(actual: readonly number[], declared: readonly number[]): boolean {
  return (
    actual.length === declared.length &&
    actual.every((dimension, i) => dimension === -1 || declared[i] === -1 || dimension === declared[i])
  );
}

function refuse(message: string): VivaceError {
  return new VivaceError('FAILED_PRECONDITION', message);
}

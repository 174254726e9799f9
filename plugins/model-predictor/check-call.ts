import { checkTensor, type PredictContext, type Signature, type Tensor } from 'vivace';

/** A model over requests is told that the rows are one request, where its caller says nothing. */
export function withOffsets(context: PredictContext, { over }: Signature): PredictContext {
  if (over === 'row' || context.offsets !== undefined) return context;
  // Named explicitly: the signal of a call is a getter, which a spread does not copy.
  return { ...context, signal: context.signal, offsets: Uint32Array.of(0, context.rows) };
}

/** What is wrong with a call; `undefined` where the model can be asked. */
export function wrongInput(
  { inputs: specs }: Signature,
  inputs: readonly Tensor[],
  { rows, offsets }: PredictContext,
): string | undefined {
  if (inputs.length !== specs.length)
    return `the model takes ${specs.length} inputs, but ${inputs.length} were given`;
  for (let i = 0; i < specs.length; i++) {
    const wrong = checkTensor(inputs[i]!, specs[i]!, rows);
    if (wrong !== undefined) return `input "${specs[i]!.name}" ${wrong}`;
  }
  if (offsets !== undefined && offsets.at(-1) !== rows)
    return `the offsets end at ${offsets.at(-1)}, not at ${rows} rows`;
  return undefined;
}

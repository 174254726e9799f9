import {
  cellAt,
  isValid,
  VivaceError,
  type Column,
  type ColumnWriter,
  type FeatureView,
  isVivaceError,
} from 'vivace';

type Numbers = Float64Array;

/** Fills a writer with a whole column of its type. */
export function adopt(writer: ColumnWriter, column: Column): void {
  if (writer.type.name !== column.type.name)
    throw new TypeError(`a ${writer.type.name} was given as ${column.type.name}`);
  if (column.type.kind === 'list') {
    for (let row = 0; row < column.rows; row++) writer.set(row, cellAt(column, row));
    return;
  }
  writer.values = column.values;
  writer.setValid(column.valid);
}

/** Writes row i of `column` to row `to[i]` of the writer. */
export function scatter(writer: ColumnWriter, column: Column, to: Int32Array): void {
  if (writer.type.name !== column.type.name)
    throw new TypeError(`a ${writer.type.name} was given as ${column.type.name}`);
  const { width, kind } = column.type;
  if (kind === 'list') {
    for (let i = 0; i < to.length; i++) writer.set(to[i] as number, cellAt(column, i));
    return;
  }
  if (column.values instanceof Float32Array && width === 1)
    scatterFloats(column.values, writer.values as Float32Array, to);
  else {
    const from = column.values as Numbers;
    const values = writer.values as Numbers;
    for (let i = 0; i < to.length; i++) {
      const at = (to[i] as number) * width;
      for (let k = 0; k < width; k++) values[at + k] = from[i * width + k] as number;
    }
  }
  if (column.valid === undefined) return;
  for (let i = 0; i < to.length; i++) if (!isValid(column, i)) writer.setNull(to[i] as number);
}

// Most features are float32: a loop for them alone stays specialised.
function scatterFloats(from: Float32Array, values: Float32Array, to: Int32Array): void {
  for (let i = 0; i < to.length; i++) values[to[i] as number] = from[i] as number;
}

/** Runs work on a view; its errors name the view. */
export async function inView<T>(view: FeatureView, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw naming(view, error);
  }
}

function naming(view: FeatureView, error: unknown): unknown {
  if (!isVivaceError(error) || error.message.startsWith('view "')) return error;
  return new VivaceError(error.code, `view "${view.name}": ${error.message}`, {
    cause: error,
    ...(error.part === undefined ? {} : { part: error.part }),
  });
}

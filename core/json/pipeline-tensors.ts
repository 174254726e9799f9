import { Buffer } from 'node:buffer';
import { withArticle } from '../config/article.js';
import { clearBit, createBitmap } from '../data/bitmap.js';
import { gather } from '../data/column-appender.js';
import { ColumnWriter, isValid, nullValues, type Column, type Values } from '../data/column.js';
import { notElement } from '../data/element.js';
import type { Datatype, TensorData } from '../data/tensor.js';
import type { ColumnType } from '../data/types.js';
import type {
  PipelineAnswer,
  PipelineDescription,
  PipelineField,
  PipelineInput,
} from '../ports/data-plane.js';
import { parseJson } from '../wire/json/parse-json.js';
import type {
  CarriedTensor,
  DeclaredTensor,
  ModelTensors,
  Parameters,
} from '../wire/open-inference/index.js';
import { cellText, valueReader } from './json-values.js';
import { requestLimits, type RequestLimits } from './request-limits.js';
import { mistake } from './request-mistakes.js';

/** An output of a pipeline as a tensor. */
export interface OutputTensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
  readonly parameters?: Parameters;
}

/** A pipeline in tensors: what it takes, what it gives, and both as columns. */
export interface PipelineTensors extends ModelTensors {
  /** How large a request can be: check it before you parse one. */
  readonly limits: RequestLimits;
  /**
   * @param inputs In the order of `inputs`, of the declared datatypes and shapes; `undefined` where an optional one was left out.
   * @throws {VivaceError} `INVALID_ARGUMENT` with the name of the input at fault as its path.
   */
  decode(inputs: readonly (CarriedTensor | undefined)[]): PipelineInput;
  /** The outputs in the order of `outputs`, their rows in the order of the answer. */
  encode(answer: PipelineAnswer): readonly OutputTensor[];
}

const datatypes: Readonly<Record<ColumnType['element'], Datatype>> = {
  float32: 'FP32',
  float64: 'FP64',
  int32: 'INT32',
  int64: 'INT64',
  bool: 'BOOL',
  string: 'BYTES',
  timestamp: 'INT64',
  bytes: 'BYTES',
};

/**
 * A pipeline as a model that takes tensors, made once per pipeline.
 *
 * - A field of the request is the input `request.<field>` of the shape [1], a field of the objects `object.<field>` of [N]; a vector has its
 *   width as a second dimension.
 * - Texts and byte strings are BYTES, a timestamp is an INT64 of microseconds since 1970. A tensor is rectangular and a list is not, so a
 *   list is BYTES: its JSON, as a request in JSON has it.
 * - An optional input may be left out. Rows of it without a value are listed in its parameter `nulls`, such as `"[0,2]"`; whatever stands
 *   there is ignored. Outputs have the same parameter where rows have no value; NaN, 0, false or an empty text stands there.
 * - With objects the first output is `index`: which object of the request each row is.
 */
export function pipelineTensors(description: PipelineDescription): PipelineTensors {
  const { objects } = description;
  const requestFields = description.request.map((field) => fieldTensor(`request.${field.name}`, field, 1));
  const objectFields = (objects?.fields ?? []).map((field) => fieldTensor(`object.${field.name}`, field, -1));
  const fields = [...requestFields, ...objectFields];
  const rowsOf = objects === undefined ? 1 : -1;
  const outputs: DeclaredTensor[] = description.outputs.map((field) =>
    declared(field.name, field.type, rowsOf),
  );
  if (objects !== undefined) outputs.unshift({ name: 'index', datatype: 'INT32', shape: [-1] });

  return {
    inputs: fields.map(({ tensor }) => tensor),
    outputs,
    limits: tensorLimits(description, fields.length),
    decode(inputs) {
      const rows = objectRows(objectFields, inputs.slice(requestFields.length));
      const columns = fields.map(({ read }, i) => read(inputs[i], i < requestFields.length ? 1 : rows));
      const request = columns.slice(0, requestFields.length);
      if (objects === undefined) return { request };
      if (rows > objects.max)
        throw mistake(`${rows} objects, but a request may have at most ${objects.max}`, 'objects');
      return { request, objects: { rows, columns: columns.slice(requestFields.length) } };
    },
    encode({ outputs: columns, objects: answered }) {
      if (answered === undefined) return columns.map((column) => outputTensor(column));
      const { order } = answered;
      return [
        { shape: [order.length], data: Int32Array.from(order) },
        ...columns.map((column) => outputTensor(gather(column, order))),
      ];
    },
  };
}

/** Values of JSON that go with a tensor: its name, its datatype, its shape, its parameters. */
const headValues = 32;

/** The limits of the same request in JSON, and what goes with each tensor. A list is a text here, whose quotes are escaped once more. */
function tensorLimits(description: PipelineDescription, tensors: number): RequestLimits {
  const { json, bodyLimitBytes } = requestLimits(description);
  const { maxValues = Infinity, maxContainers = Infinity } = json;
  return {
    json: {
      maxValues: maxValues + headValues * tensors,
      maxContainers: maxContainers + headValues * tensors,
    },
    bodyLimitBytes: 2 * bodyLimitBytes,
  };
}

/** A field as an input. */
export interface FieldTensor {
  readonly tensor: DeclaredTensor;
  /** `rows`: how many the column has where the input was left out. */
  readonly read: (input: CarriedTensor | undefined, rows: number) => Column;
}

/** The tensor of a column. @param rows -1 for any number. */
export function declared(name: string, type: ColumnType, rows: number): DeclaredTensor {
  return {
    name,
    datatype: type.kind === 'list' ? 'BYTES' : datatypes[type.element],
    shape: type.kind === 'vector' ? [rows, type.width] : [rows],
  };
}

/** @param path The name of the input. */
export function fieldTensor(
  path: string,
  { type, optional }: Pick<PipelineField, 'type' | 'optional'>,
  rows: number,
): FieldTensor {
  const readValues = valuesReader(type, path);
  return {
    tensor: { ...declared(path, type, rows), ...(optional ? { optional } : {}) },
    read(input, left) {
      if (input === undefined) return nullColumn(type, left);
      const nulls = nullRows(input, path);
      if (nulls === undefined) return readValues(input.data, input.shape[0] as number, noNulls);
      if (!optional) throw mistake('may not be null', path);
      return withNulls(readValues(input.data, input.shape[0] as number, nulls), nulls);
    },
  };
}

/** How many objects there are: all inputs of objects have as many rows. */
function objectRows(fields: readonly FieldTensor[], inputs: readonly (CarriedTensor | undefined)[]): number {
  let rows: number | undefined;
  for (const [i, input] of inputs.entries()) {
    if (input === undefined) continue;
    if (rows !== undefined && rows !== input.shape[0])
      throw mistake(
        `${input.shape[0]} rows, but another input of objects has ${rows}`,
        fields[i]!.tensor.name,
      );
    rows = input.shape[0];
  }
  return rows ?? 0;
}

const noNulls: ReadonlySet<number> = new Set();

/** The rows that an input's parameter `nulls` lists; `undefined` where it lists none. */
function nullRows({ parameters, shape }: CarriedTensor, path: string): ReadonlySet<number> | undefined {
  const given = parameters['nulls'];
  if (given === undefined) return undefined;
  const rows = typeof given === 'string' ? parsed(given) : given;
  const isRow = (row: unknown): boolean =>
    Number.isInteger(row) && (row as number) >= 0 && (row as number) < (shape[0] as number);
  if (!Array.isArray(rows) || !rows.every(isRow))
    throw mistake('the parameter "nulls" is not a JSON list of rows, such as "[0,2]"', path);
  return rows.length === 0 ? undefined : new Set<number>(rows as number[]);
}

/** A list as JSON text, which holds no other list or object. */
function parsed(text: string): unknown {
  try {
    return parseJson(Buffer.from(text), { maxDepth: 1 });
  } catch {
    return undefined;
  }
}

function nullColumn(type: ColumnType, rows: number): Column {
  const writer = new ColumnWriter(type, rows);
  for (let row = 0; row < rows; row++) writer.setNull(row);
  return writer.finish();
}

/** The column with nothing in some rows; the column's values are the caller's own. */
function withNulls(column: Column, nulls: ReadonlySet<number>): Column {
  const { type, rows, values } = column;
  const valid = createBitmap(rows, true);
  for (const row of nulls) {
    clearBit(valid, row);
    if (type.kind !== 'list')
      (values as unknown[]).fill(nullValues[type.element], row * type.width, (row + 1) * type.width);
  }
  return { ...column, valid };
}

type ValuesReader = (data: TensorData, rows: number, nulls: ReadonlySet<number>) => Column;

/** Reads a tensor's data into a column, whose memory it becomes where the types agree. */
function valuesReader(type: ColumnType, path: string): ValuesReader {
  const place = (at: number): string => `${path}[${Math.floor(at / type.width)}]`;
  if (type.kind === 'list') return listReader(type, path);
  const converted = (convert: (value: never, at: number) => unknown): ValuesReader => {
    return (data, rows, nulls) => {
      const values = (data as unknown[]).map((value, at) =>
        nulls.has(Math.floor(at / type.width)) ? nullValues[type.element] : convert(value as never, at),
      );
      return { type, rows, values: values as Values };
    };
  };
  switch (type.element) {
    case 'string':
      return converted((value: string | Uint8Array, at) => {
        if (typeof value === 'string') return value;
        throw mistake('the bytes are not UTF-8', place(at));
      });
    case 'bytes':
      return converted((value: string | Uint8Array) =>
        typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : value,
      );
    case 'timestamp':
      return (data, rows, nulls) => {
        const values = new Float64Array(data.length);
        for (let at = 0; at < values.length; at++) {
          const micros = Number((data as BigInt64Array)[at]);
          if (Number.isSafeInteger(micros)) values[at] = micros;
          else if (!nulls.has(Math.floor(at / type.width)))
            throw mistake(notElement(type.element, (data as BigInt64Array)[at]), place(at));
        }
        return { type, rows, values };
      };
    default:
      return (data, rows) => ({ type, rows, values: data as Values });
  }
}

function listReader(type: ColumnType, path: string): ValuesReader {
  const read = valueReader(type);
  return (data, rows, nulls) => {
    const writer = new ColumnWriter(type, rows);
    for (let row = 0; row < rows; row++) {
      if (nulls.has(row)) continue;
      const text = (data as unknown[])[row];
      const at = `${path}[${row}]`;
      const value = typeof text === 'string' ? parsed(text) : undefined;
      if (value === undefined) throw mistake(`the text is not the JSON of ${withArticle(type.name)}`, at);
      const wrong = read(value, writer, row);
      if (wrong !== undefined) throw mistake(wrong.message(), at + wrong.place);
    }
    return writer.finish();
  };
}

/** A column as an output. */
export function outputTensor(column: Column): OutputTensor {
  const { type, rows, valid } = column;
  const shape = type.kind === 'vector' ? [rows, type.width] : [rows];
  const data = outputData(column);
  if (valid === undefined) return { shape, data };
  const nulls: number[] = [];
  for (let row = 0; row < rows; row++) if (!isValid(column, row)) nulls.push(row);
  return nulls.length === 0 ? { shape, data } : { shape, data, parameters: { nulls: JSON.stringify(nulls) } };
}

function outputData(column: Column): TensorData {
  const { type, rows, values } = column;
  if (type.kind === 'list') {
    return Array.from({ length: rows }, (_, row) => (isValid(column, row) ? cellText(column, row) : ''));
  }
  const length = rows * type.width;
  // A column may have room for more than its rows.
  if (type.element !== 'timestamp')
    return (values.length === length ? values : values.slice(0, length)) as TensorData;
  const micros = new BigInt64Array(length);
  for (let at = 0; at < micros.length; at++) {
    const value = values[at] as number;
    if (!Number.isNaN(value)) micros[at] = BigInt(value);
  }
  return micros;
}

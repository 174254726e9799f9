import { columnOf, parseType, type Cell, type Column, type PipelineInput, type TypeName } from 'vivace';

/** The fields of a pipeline that has every type of field. */
export const fields = {
  request: { note: { type: 'string', optional: true }, weight: 'float64', at: 'timestamp' },
  objects: {
    id: 'string',
    x: 'float32',
    big: { type: 'int64', optional: true },
    flag: 'bool',
    pair: 'float32[2]',
    raw: { type: 'bytes', optional: true },
    some: { type: 'list<float64>', optional: true },
  },
} as const;

/** Type by field, in the order of the pipeline. */
const types: Readonly<Record<string, TypeName>> = {
  note: 'string',
  weight: 'float64',
  at: 'timestamp',
  id: 'string',
  x: 'float32',
  big: 'int64',
  flag: 'bool',
  pair: 'float32[2]',
  raw: 'bytes',
  some: 'list<float64>',
};

/** Values that are easily changed on their way. */
const floats = [0, -0, 1e-40, 0.1, -1.5e30, NaN, Infinity, -Infinity];

/** A request in plain values: `null` where an optional field has none. */
export interface Given {
  readonly request: Readonly<Record<string, unknown>>;
  readonly objects: readonly Readonly<Record<string, unknown>>[];
}

/** A request of random values, some of them hard. */
export function givenRequest(random: () => number): Given {
  const chance = (share: number): boolean => random() < share;
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  return {
    request: {
      note: chance(0.3) ? null : pick(['', 'ż "quoted"', 'a\u0000b', '\u{1f680}']),
      weight: chance(0.5) ? pick(floats) : random() * 1e6,
      at: 1_700_000_000_000_000 + Math.floor(random() * 1e9),
    },
    objects: Array.from({ length: Math.floor(random() * 6) }, () => ({
      // Keys of the source: some are missing, some fail, some are stale.
      id: pick(['a', 'b', 'c', 'missing', 'fails', 'stale']),
      x: Math.fround(chance(0.5) ? pick(floats) : random()),
      big: chance(0.3) ? null : pick([0n, 5n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n]),
      flag: chance(0.5),
      pair: [Math.fround(random()), pick([-0, 1])],
      raw: chance(0.3)
        ? null
        : Uint8Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * 256)),
      some: chance(0.3) ? null : Array.from({ length: Math.floor(random() * 3) }, () => pick(floats)),
    })),
  };
}

/** A value as `rest` takes it; −0 has no text of JSON.stringify. */
function restText(value: unknown, type: TypeName): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map((one) => restText(one, 'float64')).join(',')}]`;
  if (typeof value === 'bigint') return JSON.stringify(String(value));
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (type === 'timestamp') return JSON.stringify(microsText(value as number));
  return numberText(value);
}

/** A number as JSON text, the sign of −0 included. */
export function numberText(value: unknown): string {
  if (typeof value !== 'number') return JSON.stringify(value);
  return Number.isFinite(value) ? (Object.is(value, -0) ? '-0.0' : String(value)) : `"${value}"`;
}

function microsText(micros: number): string {
  const seconds = new Date(Math.floor(micros / 1e6) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1e6).padStart(6, '0')}Z`;
}

/** The body of a request to `rest`, with objects as rows or as columns. */
export function restBody({ request, objects }: Given, columnar: boolean): string {
  const object = (values: Readonly<Record<string, unknown>>): string =>
    `{${Object.entries(values)
      .map(([name, value]) => `"${name}":${restText(value, types[name]!)}`)
      .join(',')}}`;
  const columns = Object.keys(fields.objects).map(
    (name) => `"${name}":[${objects.map((one) => restText(one[name], types[name]!)).join(',')}]`,
  );
  const list = columnar ? `{${columns.join(',')}}` : `[${objects.map(object).join(',')}]`;
  return `{"request":${object(request)},"objects":${list}}`;
}

const datatypes = {
  string: 'BYTES',
  bytes: 'BYTES',
  'list<float64>': 'BYTES',
  int64: 'INT64',
  timestamp: 'INT64',
  bool: 'BOOL',
  float32: 'FP32',
  'float32[2]': 'FP32',
  float64: 'FP64',
} as const;

/** An input of the protocol, before it is JSON or bytes. */
export interface OpenInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly cells: readonly unknown[];
  readonly nulls: string;
}

/** The inputs of a request to `open-inference`. */
export function openInputs({ request, objects }: Given): OpenInput[] {
  const input = (name: string, cells: readonly unknown[]): OpenInput => {
    const type = types[name.split('.')[1]!]!;
    const isVector = type === 'float32[2]';
    const stand = (cell: unknown): unknown[] => {
      const missing = { string: '', int64: 0n, bytes: '', 'list<float64>': '' }[type as 'string'];
      if (cell === null) return [missing];
      if (type === 'list<float64>') return [restText(cell, type)];
      return isVector ? (cell as unknown[]) : [cell];
    };
    return {
      name,
      datatype: datatypes[type as keyof typeof datatypes],
      shape: isVector ? [cells.length, 2] : [cells.length],
      cells: cells.flatMap(stand),
      nulls: JSON.stringify(cells.flatMap((cell, row) => (cell === null ? [row] : []))),
    };
  };
  return [
    ...Object.keys(fields.request).map((name) => input(`request.${name}`, [request[name]])),
    ...Object.keys(fields.objects).map((name) =>
      input(
        `object.${name}`,
        objects.map((one) => one[name]),
      ),
    ),
  ];
}

/** The bytes of a binary tensor. */
export function bytesOf(datatype: string, cells: readonly unknown[]): Buffer {
  switch (datatype) {
    case 'FP32':
      return Buffer.from(Float32Array.from(cells as number[]).buffer);
    case 'FP64':
      return Buffer.from(Float64Array.from(cells as number[]).buffer);
    case 'INT64':
      return Buffer.from(BigInt64Array.from(cells.map((cell) => BigInt(cell as number))).buffer);
    case 'BOOL':
      return Buffer.from(cells.map(Number));
    default:
      return Buffer.concat(
        cells.flatMap((cell) => {
          const bytes = Buffer.from(cell as string);
          const length = Buffer.alloc(4);
          length.writeUInt32LE(bytes.length);
          return [length, bytes];
        }),
      );
  }
}

/** The same request in columns, for callers in process. */
export function columnsOf({ request, objects }: Given): PipelineInput {
  const column = (name: string, cells: readonly unknown[]): Column =>
    columnOf(parseType(types[name]!), cells as readonly Cell[]);
  return {
    request: Object.keys(fields.request).map((name) => column(name, [request[name]])),
    objects: {
      rows: objects.length,
      columns: Object.keys(fields.objects).map((name) =>
        column(
          name,
          objects.map((one) => one[name]),
        ),
      ),
    },
  };
}

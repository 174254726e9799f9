import { createHash } from 'node:crypto';
import type { Column } from '../../data/column.js';
import { FeatureRows, type Field } from '../../data/feature-rows.js';
import { createTensorData, elementOf, textsOf, type Tensor, type TensorData } from '../../data/tensor.js';
import { parseType } from '../../data/types.js';
import { VivaceError } from '../../kernel/errors.js';
import { TextKeys } from '../../kernel/text-keys.js';
import type { Call } from '../../kernel/call.js';
import type { Cache } from '../../ports/cache.js';
import type { Prediction, Predictor, ModelIdentity } from '../../ports/predictor.js';
import type { CacheCounts } from './cache-counts.js';
import { RowCodec } from '../../wire/row-codec.js';
import { checkOutputs, type DeclaredOutputs } from '../check-outputs.js';

/** A predictor's call with a cache key per row, where the pipeline says what tells rows apart. */
export type PredictCall = Call & {
  readonly rows: number;
  readonly offsets?: Uint32Array | undefined;
  readonly keys?: readonly string[] | undefined;
};

/**
 * A predictor with a cache in front, row by row: only the rows it does not hold are predicted. The model's digest is part of every key, so
 * another model starts afresh, even one of the same name and version from another repository. It is for models over rows only: a row's
 * prediction must not depend on its neighbours.
 */
export class CachePredictions implements Pick<Predictor, 'predict'> {
  readonly #declared: DeclaredOutputs;
  readonly #predictor: Predictor;
  readonly #cache: Cache;
  readonly #ttlMs: number;
  readonly #fields: readonly Field[];
  readonly #codec: RowCodec;
  readonly #counts: CacheCounts;

  constructor(
    declared: DeclaredOutputs,
    {
      predictor,
      cache,
      ttlMs,
      counts,
    }: { predictor: Predictor; cache: Cache; ttlMs: number; counts: CacheCounts },
  ) {
    this.#declared = declared;
    this.#predictor = predictor;
    this.#cache = cache;
    this.#ttlMs = ttlMs;
    this.#fields = declared.outputs.map((output) => {
      const element = elementOf[output.datatype];
      return { name: output.name, type: parseType(`list<${element}>`) };
    });
    this.#codec = new RowCodec(this.#fields);
    this.#counts = counts;
  }

  async predict(inputs: readonly Tensor[], call: PredictCall): Promise<Prediction> {
    const model = this.#predictor.serving();
    if (model === undefined) return this.#predictor.predict(inputs, call);
    checkDigest(model);
    const prefix = `${model.digest}:`;
    const keys = call.keys?.map((key) => prefix + key) ?? hashRows(inputs, call.rows, prefix);
    let whole: Prediction | undefined;
    const load: Parameters<Cache['through']>[1] = async (missing, { signal, deadline, trace }) => {
      const shared = call.derive({ rows: missing.length, signal, deadline, trace });
      const loaded = await this.#load(inputs, missing, shared);
      if (loaded.model.digest === model.digest) {
        return this.#encode(loaded.outputs, missing.length);
      }
      if (missing.length === call.rows) whole = loaded;
      return missing.map(() => undefined);
    };
    const { values, hits } = await this.#cache.through(keys, load, { ttlMs: this.#ttlMs }, call);
    // Another model took over in between, and one answer must not mix rows of two models.
    if (values.includes(undefined)) return whole ?? this.#predictor.predict(inputs, call);
    this.#counts.hits += hits;
    this.#counts.misses += call.rows - hits;
    return { model, outputs: this.#decode(values, call.rows) };
  }

  async #load(inputs: readonly Tensor[], missing: readonly number[], call: PredictCall): Promise<Prediction> {
    const rows = inputs[0]!.shape[0]!;
    const selected =
      missing.length === rows ? inputs : inputs.map((tensor) => selectRows(tensor, missing, rows));
    const prediction = await this.#predictor.predict(selected, call);
    checkOutputs(this.#declared, prediction.outputs, missing.length);
    return prediction;
  }

  #encode(outputs: readonly Tensor[], rows: number): Uint8Array[] {
    const columns = outputs.map(({ data }, i): Column => {
      const width = data.length / rows;
      const offsets = Uint32Array.from({ length: rows + 1 }, (_, row) => row * width);
      return { type: this.#fields[i]!.type, rows, values: textsOf(data), offsets };
    });
    return this.#codec.encode(new FeatureRows([], rows), columns, rows);
  }

  #decode(values: readonly (Uint8Array | undefined)[], rows: number): Tensor[] {
    const decoded = new FeatureRows(this.#fields, rows);
    this.#codec.decode(values, decoded);
    if (decoded.error !== undefined) throw decoded.error;
    return this.#declared.outputs.map((output, i) => {
      const { values: data, offsets } = decoded.columns[i]!.finish();
      const width = rows === 0 ? 0 : offsets![1]! - offsets![0]!;
      if (data.length !== width * rows)
        throw new VivaceError('DATA_LOSS', `cached rows of "${output.name}" differ in width`);
      const inner = output.shape.slice(1);
      const shape = inner.every((size) => size >= 0) ? [rows, ...inner] : [rows, width];
      return { name: output.name, datatype: output.datatype, shape, data: data as TensorData };
    });
  }
}

/** @throws {VivaceError} `INTERNAL` for a predictor that does not say what it serves: its answers cannot be told from another's. */
function checkDigest({ name, version, digest }: ModelIdentity): void {
  if (typeof digest === 'string' && digest !== '') return;
  throw new VivaceError(
    'INTERNAL',
    `${name} ${version} is served without a digest, so its answers cannot be cached: the predictor must give one`,
  );
}

function selectRows(tensor: Tensor, rows: readonly number[], total: number): Tensor {
  const width = tensor.data.length / total;
  const data = createTensorData(tensor.datatype, rows.length * width) as Float64Array;
  const from = tensor.data as Float64Array;
  rows.forEach((row, i) => {
    for (let k = 0; k < width; k++) data[i * width + k] = from[row * width + k]!;
  });
  return { ...tensor, shape: [rows.length, ...tensor.shape.slice(1)], data };
}

/** A key per row from all its inputs: equal bytes in equal shapes, equal answer. */
function hashRows(inputs: readonly Tensor[], rows: number, prefix: string): string[] {
  const shapes = JSON.stringify(inputs.map(({ shape }) => shape.slice(1)));
  // A long text of the request is the same in every row, and digested once.
  const texts = inputs.map(({ data }) => Array.from({ length: data.length / rows }, () => new TextKeys()));
  return Array.from({ length: rows }, (_, row) => {
    const hash = createHash('sha1').update(shapes);
    for (const [i, { data }] of inputs.entries()) {
      const width = data.length / rows;
      if (Array.isArray(data))
        hash.update(
          JSON.stringify(
            data
              .slice(row * width, (row + 1) * width)
              .map((value, k) => (typeof value === 'string' ? texts[i]![k]!.of(value) : inBase64(value))),
          ),
        );
      else
        hash.update(
          new Uint8Array(
            data.buffer,
            data.byteOffset + row * width * data.BYTES_PER_ELEMENT,
            width * data.BYTES_PER_ELEMENT,
          ),
        );
    }
    return prefix + hash.digest('base64url');
  });
}

/** A byte string, told from the text that looks like it. */
function inBase64(value: Uint8Array): readonly string[] {
  return [Buffer.from(value).toString('base64')];
}

import { didYouMean } from '../config/did-you-mean.js';
import { gather } from '../data/column-appender.js';
import type { Column } from '../data/column.js';
import { FeatureRows, type Field } from '../data/feature-rows.js';
import type { FrameColumn } from '../data/frame.js';
import { status } from '../data/status.js';
import type { CallContext } from '../kernel/call.js';
import { asVivaceError, VivaceError } from '../kernel/errors.js';
import { textKey, type TextKey } from '../kernel/text-keys.js';
import { instantOfMillis } from '../kernel/time.js';
import { longestKeyText, longTextIn } from '../pipeline/text-limits.js';
import type {
  Degradation,
  FeatureAnswer,
  PipelineField,
  ReadDescription,
  ReadInput,
  ReadView,
} from '../ports/data-plane.js';
import { distinctRows } from '../steps/fetch/distinct-rows.js';
import { padded, spread, type SpreadRows } from '../steps/fetch/fetch-features.js';
import { KeyColumns } from '../steps/fetch/key-columns.js';
import { resolveRows } from '../steps/fetch/policy.js';
import type { FeatureView } from '../views/view.js';
import { mostFeatureRows, mostFeatures } from '../json/feature-limits.js';
import { callersField, type FeatureSurroundings } from './feature-surroundings.js';

/** Lists of features that are kept compiled. */
const mostCompiled = 256;

type ReadSurroundings = Pick<FeatureSurroundings, 'views' | 'open' | 'clock'>;

/** Compiles lists of features, and keeps the last ones. */
export class FeatureReads {
  readonly #served: ReadSurroundings;
  /** By the list as JSON, in the order of their last use. */
  readonly #compiled = new Map<TextKey, CompiledRead>();

  constructor(served: ReadSurroundings) {
    this.#served = served;
  }

  /** @throws {VivaceError} `INVALID_ARGUMENT` with the path of the feature. */
  compile(features: readonly string[]): CompiledRead {
    if (features.length > mostFeatures)
      throw wrong('features', `${features.length} features, but a read has at most ${mostFeatures}`);
    const key = textKey(JSON.stringify(features));
    const known = this.#compiled.get(key);
    const compiled = known ?? new CompiledRead(features, this.#served);
    this.#compiled.delete(key);
    this.#compiled.set(key, compiled);
    if (this.#compiled.size > mostCompiled)
      for (const [oldest] of this.#compiled) {
        this.#compiled.delete(oldest);
        break;
      }
    return compiled;
  }
}

/** A view as one list of features reads it. */
interface ViewRead {
  readonly view: FeatureView;
  /** Places of its keys among those of the read. */
  readonly keys: readonly number[];
}

/** Where a feature of the read is: the place of its view, and its own among the features of the view. */
interface FeaturePlace {
  readonly view: number;
  readonly feature: number;
}

/** What one view gave: its rows as the caller sees them, and the outage where there was one. */
interface ViewRows extends SpreadRows {
  readonly error: VivaceError | undefined;
}

/** A list of features, resolved. */
export class CompiledRead {
  readonly description: ReadDescription;
  readonly #served: ReadSurroundings;
  readonly #views: ViewRead[] = [];
  readonly #places: FeaturePlace[] = [];

  constructor(features: readonly string[], served: ReadSurroundings) {
    if (features.length === 0)
      throw wrong('features', 'name at least one, such as view.feature, or view for all features of a view');
    this.#served = served;
    const fields: Field[] = [];
    const keys: PipelineField[] = [];
    features.forEach((reference, i) => {
      for (const { view, feature } of resolve(reference, `features[${i}]`, served.views())) {
        const name = `${view.name}.${view.features[feature]!.name}`;
        if (fields.some((field) => field.name === name))
          throw wrong(`features[${i}]`, `"${name}" is asked for twice`);
        fields.push({ name, type: view.features[feature]!.type });
        this.#places.push({ view: this.#placeOf(view, keys), feature });
      }
    });
    if (fields.length > mostFeatures)
      throw wrong('features', `${fields.length} features, but a read has at most ${mostFeatures}`);
    this.description = {
      views: this.#views.map(({ view }) => view.name),
      keys,
      features: fields,
      maxRows: mostFeatureRows,
    };
  }

  /** The place of a view among those that are read, to which it is added with its keys. */
  #placeOf(view: FeatureView, keys: PipelineField[]): number {
    const known = this.#views.findIndex((each) => each.view === view);
    if (known >= 0) return known;
    const places = view.entity.map(({ name, type }) => {
      const at = keys.findIndex((key) => key.name === name && key.type === type);
      return at >= 0
        ? at
        : keys.push(callersField({ name, type }, { optional: true, maxLength: longestKeyText })) - 1;
    });
    return this.#views.push({ view, keys: places }) - 1;
  }

  /** @throws {VivaceError} The outage where no view could be read. */
  async read(input: ReadInput, context: CallContext): Promise<Omit<FeatureAnswer, 'requestId'>> {
    this.#checkTexts(input);
    const time = instantOfMillis(this.#served.clock.now());
    const read = await Promise.all(
      this.#views.map(({ view, keys }) =>
        this.#readView(
          view,
          keys.map((key) => input.keys[key] as Column),
          { rows: input.rows, time, context },
        ),
      ),
    );
    const outage = read.find(({ error }) => error !== undefined)?.error;
    if (outage !== undefined && read.every(({ rows }) => rows.status.every((code) => code === status.FAILED)))
      throw outage;
    return {
      rows: input.rows,
      time,
      description: this.description,
      features: this.#places.map(({ view, feature }) =>
        answered(read[view]!.columns[feature] as FrameColumn),
      ),
      views: read.map(({ rows }, i): ReadView => ({ view: this.#views[i]!.view.name, ...rows })),
      degraded: read.flatMap(({ rows, error }, i) =>
        degradationsOf(this.#views[i]!.view.name, rows.status, error),
      ),
    };
  }

  /** Refuses texts that are too long for a key: not every protocol looks at them as it reads. */
  #checkTexts({ keys }: ReadInput): void {
    keys.forEach((column, i) => {
      const long = longTextIn(column, longestKeyText);
      if (long === undefined) return;
      const { row, length } = long;
      const message = `${length} UTF-16 units, but a key has at most ${longestKeyText}`;
      throw wrong(`keys.${this.description.keys[i]!.name}[${row}]`, message);
    });
  }

  async #readView(
    view: FeatureView,
    columns: readonly Column[],
    { rows, time, context }: { rows: number; time: number; context: CallContext },
  ): Promise<ViewRows> {
    const distinct = distinctRows(columns, rows, { merge: true });
    const count = distinct?.first.length ?? rows;
    let out = new FeatureRows(view.features, count);
    if (count > 0) {
      const asked =
        distinct === undefined ? columns : columns.map((column) => gather(column, distinct.first));
      const source = { part: view.store, keys: view.entity, history: 'as-of' } as const;
      try {
        await this.#served
          .open(view)
          .read(new KeyColumns(source, asked, { rows: count, time }), out, context);
        out.settle(view.store, !view.isStatic);
      } catch (error) {
        if (context.signal.aborted) throw error;
        // New ones, because an abandoned source may still write into those that it got.
        out = new FeatureRows(view.features, count);
        const failure = asVivaceError(error);
        for (let row = 0; row < count; row++) out.setFailed(row, failure);
      }
    }
    const node = {
      alias: view.name,
      step: 0,
      features: view.features,
      isStatic: view.isStatic,
      reads: [],
      unchecked: [],
      ...(view.maxAgeMs === undefined ? {} : { maxAgeMs: view.maxAgeMs }),
      onMissing: 'default',
      // A default would hide an outage.
      onFailure: 'null',
    } as const;
    const resolved = resolveRows(node, distinct === undefined ? out : padded(node, out, distinct), time);
    const placed: SpreadRows =
      distinct === undefined ? { ...resolved, skip: undefined } : spread(resolved, distinct.rowOf);
    return { ...placed, error: resolved.error };
  }
}

/** The features that a reference means: one of a view, or all of them. */
function resolve(
  reference: string,
  path: string,
  views: ReadonlyMap<string, FeatureView>,
): readonly { readonly view: FeatureView; readonly feature: number }[] {
  const dot = reference.indexOf('.');
  const name = dot < 0 ? reference : reference.slice(0, dot);
  const view = views.get(name);
  if (view === undefined)
    throw wrong(path, `there is no view "${name.slice(0, 100)}"${didYouMean(name, views.keys())}`);
  if (dot < 0) return view.features.map((_, feature) => ({ view, feature }));
  const wanted = reference.slice(dot + 1);
  const names = view.features.map((feature) => feature.name);
  const feature = names.indexOf(wanted);
  if (feature < 0)
    throw wrong(path, `"${name}" has no feature "${wanted.slice(0, 100)}"${didYouMean(wanted, names)}`);
  return [{ view, feature }];
}

/** A column without statuses where all of them say that the value is there. */
function answered(column: FrameColumn): FrameColumn {
  if (column.status?.every((code) => code === status.PRESENT) !== true) return column;
  const { status: _, ...rest } = column;
  return rest;
}

function degradationsOf(view: string, statuses: Uint8Array, error: VivaceError | undefined): Degradation[] {
  return (['MISSING', 'STALE', 'FAILED'] as const).flatMap((name) => {
    const rows = statuses.reduce((count, code) => (code === status[name] ? count + 1 : count), 0);
    if (rows === 0) return [];
    const code = name === 'FAILED' && error !== undefined ? { code: error.code } : {};
    return [{ step: view, status: name, rows, ...code }];
  });
}

function wrong(path: string, message: string): VivaceError {
  return new VivaceError('INVALID_ARGUMENT', `${path}: ${message}`, { path });
}

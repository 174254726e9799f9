import type { Field } from '../data/feature-rows.js';
import { isDefault, notDefault } from '../data/element.js';
import { didYouMean } from '../config/did-you-mean.js';
import { isKeyType, notKey, parseType, type ColumnType } from '../data/types.js';
import { canonicalJson } from '../kernel/canonical-json.js';
import { contentId } from '../wire/base32.js';
import { refreshMistake, type Refresh } from './refresh.js';
import type { ViewSpec } from './schema.js';
import { checkPushed } from './pushed-rows.js';
import { checkCase, mistake } from './view-mistake.js';
import { canonicalSource, compileSource, type ViewSource } from './view-source.js';
import { windowGrain, windowSuffix, type Window } from './window.js';

/** How the values of a window become one. */
export type Aggregate =
  'count' | 'sum' | 'mean' | 'stddev' | 'share' | 'min' | 'max' | 'first' | 'last' | 'count_distinct';

/** Where a feature's value comes from. */
export type FeatureOrigin =
  | { readonly kind: 'column'; readonly column: string }
  | ({
      readonly kind: 'aggregate';
      readonly aggregate: Aggregate;
      readonly of?: string;
      /** Of a `share`. */
      readonly above?: number;
      /** Of a `count_distinct`, always. */
      readonly upTo?: number;
    } & Window);

export interface ViewFeature extends Field {
  readonly origin: FeatureOrigin;
  readonly unit?: string;
  readonly default?: number | string | boolean;
  readonly description?: string;
}

/** One version of a feature view: features of one entity from one source. It is immutable, and identified by the hash of its definition. */
export interface FeatureView {
  readonly name: string;
  /** Ten base32 characters of the SHA-256 of the definition, without owner, texts, store, max age, refresh, overlap and, unless rows are pushed to it, the name. */
  readonly hash: string;
  readonly store: string;
  readonly entity: readonly Field[];
  readonly features: readonly ViewFeature[];
  readonly source?: ViewSource;
  readonly maxAgeMs?: number;
  /** How the online store is kept up; absent where it holds each row at once. */
  readonly refresh?: Refresh;
  /** Rows without an event time: exempt from max age and from the as-of condition. */
  readonly isStatic: boolean;
  readonly isAggregate: boolean;
}

/**
 * Compiles a view from its (already validated) specification.
 *
 * @throws {VivaceError} `INVALID_CONFIG` with `path` relative to the view.
 */
export function compileView(name: string, spec: ViewSpec): FeatureView {
  const entity = Object.entries(spec.entity).map(([key, type]) => ({ name: key, type: keyType(key, type) }));
  const features = Object.entries(spec.features).flatMap(([feature, declared]) =>
    expandFeature(feature, declared),
  );
  const twice = features.find(
    (feature, i) => features.findIndex((other) => other.name === feature.name) !== i,
  );
  if (twice !== undefined) throw mistake(`features.${twice.name}`, `two features are named "${twice.name}"`);
  checkCase(
    'entity',
    entity.map(({ name: key }) => key),
  );
  checkCase(
    'features',
    features.map(({ name: feature }) => feature),
  );
  const aggregates = features.filter((feature) => feature.origin.kind === 'aggregate').length;
  if (aggregates > 0 && aggregates < features.length) {
    throw mistake('features', 'a view has either plain columns or aggregates, not both: make two views');
  }
  checkGrain(spec.features, features);
  const isPushed = spec.source === undefined || spec.source.log !== undefined;
  if (aggregates > 0 && spec.source?.log !== undefined)
    throw mistake(
      'source.push',
      'aggregates fold the events of a table: compute the values where the events are, and push them to plain features',
    );
  if (aggregates > 0 && spec.source?.eventTime === undefined) {
    throw mistake('source.eventTime', 'aggregates need the event time of the source');
  }
  for (const key of Object.keys(spec.source?.key ?? {})) {
    if (!Object.hasOwn(spec.entity, key))
      throw mistake(
        `source.key.${key}`,
        `"${key}" is not a key of the entity${didYouMean(key, Object.keys(spec.entity))}`,
      );
  }
  if (spec.source?.availableTime !== undefined && spec.source.eventTime === undefined) {
    throw mistake('source.availableTime', 'a source with an available time needs an event time too');
  }
  if (spec.source?.overlapMs !== undefined) {
    if (spec.source.availableTime === undefined)
      throw mistake(
        'source.overlapMs',
        'goes with `availableTime`: without one no row comes later than its event',
      );
    if (aggregates > 0)
      throw mistake('source.overlapMs', 'goes with plain columns: aggregates have to count a row once');
  }
  if (isPushed) checkPushed(spec, { entity, features });
  const source = spec.source === undefined ? undefined : compileSource(spec.source, entity);
  const refresh = spec.refresh === undefined ? undefined : compileRefresh(spec.refresh, source);
  return {
    name,
    hash: hashDefinition(name, { entity, features, source }),
    store: spec.store,
    entity,
    features,
    ...(source === undefined ? {} : { source }),
    ...(spec.maxAgeMs === undefined ? {} : { maxAgeMs: spec.maxAgeMs }),
    ...(refresh === undefined ? {} : { refresh }),
    isStatic: source !== undefined && source.eventTime === undefined,
    isAggregate: aggregates > 0,
  };
}

function keyType(key: string, name: string): ColumnType {
  const type = parseType(name);
  if (!isKeyType(type)) throw mistake(`entity.${key}`, notKey(type));
  return type;
}

function expandFeature(name: string, spec: ViewSpec['features'][string]): ViewFeature[] {
  const texts = {
    ...(spec.unit === undefined ? {} : { unit: spec.unit }),
    ...(spec.default === undefined ? {} : { default: spec.default }),
    ...(spec.description === undefined ? {} : { description: spec.description }),
  };
  if (!('aggregate' in spec)) {
    const type = parseType(spec.type);
    checkDefault(name, type, spec.default);
    return [{ name, type, origin: { kind: 'column', column: spec.of ?? name }, ...texts }];
  }
  checkOptions(name, spec);
  const { aggregate, of, above, upTo = 1000 } = spec;
  const type = aggregateType(name, spec);
  checkDefault(name, type, spec.default);
  const { several, windows } = windowsOf(name, spec);
  return windows.map((window) => ({
    name: several ? `${name}${windowSuffix(window)}` : name,
    type,
    origin: {
      kind: 'aggregate',
      aggregate,
      ...window,
      ...(of === undefined ? {} : { of }),
      ...(above === undefined ? {} : { above }),
      ...(aggregate === 'count_distinct' ? { upTo } : {}),
    },
    ...texts,
  }));
}

type AggregateSpec = Extract<ViewSpec['features'][string], { aggregate: Aggregate }>;

/** Options that an aggregate lacks, or that go with another. */
function checkOptions(name: string, { aggregate, of, above, upTo }: AggregateSpec): void {
  if ((aggregate === 'count') !== (of === undefined)) {
    throw mistake(
      `features.${name}.of`,
      aggregate === 'count' ? '`count` counts rows: leave `of` out' : `\`${aggregate}\` needs \`of\``,
    );
  }
  if ((aggregate === 'share') !== (above !== undefined)) {
    throw mistake(
      `features.${name}.above`,
      aggregate === 'share' ? '`share` needs `above`' : '`above` goes with `share` only',
    );
  }
  if (upTo !== undefined && aggregate !== 'count_distinct')
    throw mistake(`features.${name}.upTo`, '`upTo` goes with `count_distinct` only');
}

function aggregateType(name: string, { aggregate, type: declared }: AggregateSpec): ColumnType {
  if (aggregate === 'first' || aggregate === 'last') {
    if (declared === undefined)
      throw mistake(`features.${name}.type`, `\`${aggregate}\` needs \`type\`, that of the column`);
    const type = parseType(declared);
    if (type.kind === 'scalar') return type;
    throw mistake(`features.${name}.type`, `\`${aggregate}\` is a single value, not a list or a vector`);
  }
  const counts = aggregate === 'count' || aggregate === 'count_distinct';
  const type = parseType(declared ?? (counts ? 'int32' : 'float32'));
  if (type.kind !== 'scalar' || !['float32', 'float64', 'int32', 'int64'].includes(type.element)) {
    throw mistake(`features.${name}.type`, `\`${aggregate}\` is a float32, float64, int32 or int64`);
  }
  return type;
}

function windowsOf(
  name: string,
  { windowDays, windowHours }: AggregateSpec,
): { readonly several: boolean; readonly windows: readonly Window[] } {
  const given = windowDays ?? windowHours;
  if (given === undefined)
    throw mistake(`features.${name}.windowDays`, 'an aggregate needs `windowDays` or `windowHours`');
  if (windowDays !== undefined && windowHours !== undefined)
    throw mistake(`features.${name}.windowHours`, 'give either `windowDays` or `windowHours`');
  const windows = [given]
    .flat()
    .map((length): Window => (windowDays === undefined ? { windowHours: length } : { windowDays: length }));
  return { several: Array.isArray(given), windows };
}

/** The row of a view of aggregates begins with a day or with an hour. */
function checkGrain(declared: ViewSpec['features'], features: readonly ViewFeature[]): void {
  const grains = features.flatMap(({ origin }) => (origin.kind === 'aggregate' ? windowGrain(origin) : []));
  if (new Set(grains).size < 2) return;
  const [name] = Object.entries(declared).find(([, spec]) => 'windowHours' in spec) ?? [];
  throw mistake(
    `features.${name}.windowHours`,
    'a view has windows of either days or hours, not both: make two views',
  );
}

function checkDefault(name: string, type: ColumnType, value: unknown): void {
  if (value === undefined) return;
  if (!isDefault(type, value)) throw mistake(`features.${name}.default`, notDefault(type, value));
}

function compileRefresh(
  { everyMs, ...spec }: NonNullable<ViewSpec['refresh']>,
  source: ViewSource | undefined,
): Refresh {
  if (source === undefined || source.log !== undefined)
    throw mistake('refresh', 'goes with a source: rows that are pushed are there at once');
  if (source.eventTime === undefined)
    throw mistake('refresh', 'goes with an event time: rows of a static view have no time');
  const refresh = { ...spec, ...(everyMs === undefined ? {} : { everyMs }) };
  const wrong = refreshMistake(refresh);
  if (wrong !== undefined) throw mistake(`refresh.${wrong.key}`, wrong.message);
  return refresh;
}

function hashDefinition(
  view: string,
  definition: {
    entity: readonly Field[];
    features: readonly ViewFeature[];
    source: ViewSource | undefined;
  },
): string {
  const canonical = canonicalJson({
    entity: definition.entity.map(({ name, type }) => [name, type.name]),
    // By name: neither the key nor the layout of a row depends on the order of the features.
    features: definition.features
      .map(({ name, type, origin }) => ({ name, type: type.name, origin }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    source: canonicalSource(definition.source, view),
  });
  return contentId(canonical);
}

import { didYouMean } from '../../config/did-you-mean.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { parseType } from '../../data/types.js';
import type { FeatureSourceDescription } from '../../ports/feature-source.js';
import { aliasOf, bindColumn, leaveOpen, needsPort, push, scopeOf, type At } from '../../pipeline/binding.js';
import { writeColumns } from '../../pipeline/compile-state.js';
import type { FetchNode } from '../../pipeline/plan.js';
import type { FetchSpec } from '../../pipeline/schema.js';

/** A fetch of a view, through its online store, or of a feature-source part. */
export function compileFetch(spec: FetchSpec, at: At): void {
  const { state, path } = at;
  const { mistakes } = state;
  const source = describeSource(spec.fetch, at);
  if (source === undefined) return leaveOpen(spec.as ?? spec.fetch, at);
  const alias = aliasOf(spec.as ?? spec.fetch, at);
  for (const key of Object.keys(spec.key)) {
    if (!source.keys.some((field) => field.name === key)) {
      mistakes.add(
        [...path, 'key', key],
        `"${spec.fetch}" has no key "${key}"${didYouMean(
          key,
          source.keys.map((field) => field.name),
        )}`,
      );
    }
  }
  const reads = source.keys.map((field) =>
    bindColumn(spec.key[field.name] ?? field.name, field, [...path, 'key', field.name], at),
  );
  if (spec.cache !== undefined) needsPort(spec.cache.in, 'cache', [...path, 'cache', 'in'], at);
  if (spec.onMissing === 'skip' || spec.onFailure === 'skip') {
    if (!state.hasObjects)
      mistakes.add(path, '`skip` leaves out objects, and this pipeline has none: use default, null or fail');
  }
  if (alias === undefined) return;
  const bound = reads.filter((column) => column !== undefined);
  const scope = scopeOf(bound);
  if (bound.length < reads.length)
    return void writeColumns(alias, source.features, { scope, columns: state.columns });
  const { part, view, ...rest } = source;
  push(at, bound, writeColumns(alias, source.features, { scope, columns: state.columns }), {
    verb: 'fetch',
    alias,
    scope,
    index: state.fetches++,
    part,
    ...(view === undefined ? {} : { view }),
    ...rest,
    onMissing: spec.onMissing,
    onFailure: spec.onFailure,
    ...(spec.budgetMs === undefined ? {} : { budgetMs: spec.budgetMs }),
    ...(spec.cache === undefined ? {} : { cache: spec.cache }),
  });
}

type Source = Pick<
  FetchNode,
  'part' | 'view' | 'sourceId' | 'offline' | 'keys' | 'features' | 'isStatic' | 'maxAgeMs'
>;

function describeSource(name: string, { state, path }: At): Source | undefined {
  const { catalogue, mistakes } = state;
  const view = catalogue.views.get(name);
  if (view !== undefined) {
    return {
      part: view.store,
      view,
      sourceId: view.hash,
      offline: 'as-of',
      keys: view.entity,
      features: view.features,
      isStatic: view.isStatic,
      ...(view.maxAgeMs === undefined ? {} : { maxAgeMs: view.maxAgeMs }),
    };
  }
  if (catalogue.broken.has(name)) return undefined;
  const part = catalogue.parts.get(name);
  if (part?.ports.includes('feature-source') !== true) {
    const sources = [...catalogue.parts.values()].filter((other) => other.ports.includes('feature-source'));
    const known = [...catalogue.views.keys(), ...sources.map((other) => other.name)];
    mistakes.add(
      [...path, 'fetch'],
      `there is no view or feature source "${name}"${didYouMean(name, known)}`,
    );
    return undefined;
  }
  const description = part.description as FeatureSourceDescription;
  const features = Object.entries(description.features).map(([feature, declared]) => ({
    name: feature,
    type: parseType(typeof declared === 'string' ? declared : declared.type),
    ...(typeof declared === 'string' || declared.default === undefined ? {} : { default: declared.default }),
  }));
  return {
    part: name,
    sourceId: name,
    offline: description.offline,
    keys: fieldsOf(description.keys),
    features,
    isStatic: description.maxAgeMs === undefined,
    ...(description.maxAgeMs === undefined ? {} : { maxAgeMs: description.maxAgeMs }),
  };
}

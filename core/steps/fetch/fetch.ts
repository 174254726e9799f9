import { didYouMean } from '../../config/did-you-mean.js';
import { fieldsOf } from '../../data/feature-rows.js';
import { isDefault, notDefault } from '../../data/element.js';
import { isKeyType, notKey, parseType } from '../../data/types.js';
import type { PlanColumn } from '../../pipeline/plan.js';
import { scopeOf, type StepCompiler } from '../../pipeline/step-compiler.js';
import {
  defineVerb,
  type NodeDraft,
  type Offline,
  type StepDefinition,
} from '../../pipeline/step-definition.js';
import { cache } from '../../ports/cache.js';
import { featureSource, type FeatureSourceDescription } from '../../ports/feature-source.js';
import { onlineStore, type OnlineStore } from '../../ports/online-store.js';
import { canonicalJson } from '../../kernel/canonical-json.js';
import type { FeatureView } from '../../views/view.js';
import { contentId } from '../../wire/base32.js';
import { cacheSummary } from '../cache/schema.js';
import { FetchFeatures } from './fetch-features.js';
import { fromLog } from './from-log.js';
import type { FetchNode } from './node.js';
import { fetchSchema, type FetchSpec } from './schema.js';

/** `fetch`: features of a view, through its online store, or of a feature-source part. */
export const fetch: StepDefinition = defineVerb<typeof fetchSchema, FetchNode>({
  verb: 'fetch',
  schema: fetchSchema,
  compile,
  parts: ({ part, view, cache: cached }) => ({
    source:
      view === undefined
        ? { port: featureSource, part }
        : { port: onlineStore, part, open: (store: OnlineStore) => store.open(view) },
    cache: cached === undefined ? undefined : { port: cache, part: cached.in },
  }),
  offline: offlineOf,
  inHistory(node, failedReads) {
    const { budgetMs: _, onMissing, ...unhurried } = node;
    const isCompared = failedReads === 'compare' && onMissing === 'fail';
    return {
      ...unhurried,
      onMissing: isCompared ? 'null' : onMissing,
      onFailure: failedReads === 'end' ? 'fail' : 'null',
    };
  },
  fromLog,
  summary: ({ part, view, onMissing, onFailure, cache: cached, ...node }) => ({
    what: view?.name ?? part,
    facts: {
      part,
      ...(view === undefined ? {} : { view: `${view.name}#${view.hash}` }),
      onMissing,
      onFailure,
      ...cacheSummary(cached).facts,
    },
    notes: [`on missing ${onMissing}`, `on failure ${onFailure}`, ...cacheSummary(cached).notes],
    identity: {
      source: node.identity,
      onMissing,
      // The view's hash covers what is stored; these decide what becomes of it.
      defaults: node.features.map((feature) => feature.default ?? null),
      maxAgeMs: node.isStatic ? null : (node.maxAgeMs ?? null),
      ...(view?.refresh === undefined ? {} : { refresh: view.refresh }),
    },
  }),
  explain({ index, isStatic }, frame) {
    const rows = frame.fetched[index]!;
    return isStatic ? { status: rows.status } : rows;
  },
  leaves: true,
  runs: FetchFeatures,
});

function compile(spec: FetchSpec, compiler: StepCompiler): NodeDraft<FetchNode> | undefined {
  const source = describeSource(spec.fetch, compiler);
  if (source === undefined) return void compiler.leaveOpen(spec.as ?? spec.fetch);
  const alias = compiler.alias(spec.as ?? spec.fetch);
  const keys = source.keys.map((field) => field.name);
  for (const key of Object.keys(spec.key)) {
    if (!keys.includes(key))
      compiler.mistake(['key', key], `"${spec.fetch}" has no key "${key}"${didYouMean(key, keys)}`);
  }
  // A key by another name explains why the right one is not there.
  const misnamed = Object.keys(spec.key).some((key) => !keys.includes(key));
  const reads = source.keys.map((field) => {
    const given = spec.key[field.name];
    if (given === undefined && compiler.lacks(field.name)) {
      if (!misnamed)
        compiler.mistake(
          ['key', field.name],
          `no field is named "${field.name}": say which column is the key, as in key: { ${field.name}: request.field }`,
        );
      return undefined;
    }
    return compiler.key(given ?? field.name, ['key', field.name], field);
  });
  if (spec.cache !== undefined) compiler.part(spec.cache.in, cache, ['cache', 'in']);
  const skips = spec.onMissing === 'skip' || spec.onFailure === 'skip';
  if (skips && !compiler.hasObjects)
    compiler.mistake([], '`skip` leaves out objects, but this pipeline has none: use default, null or fail');
  if (alias === undefined) return undefined;
  const bound = reads.filter((column) => column !== undefined);
  const scope = scopeOf(bound);
  const writes = compiler.writes(alias, source.features, scope);
  if (bound.length < reads.length) return undefined;
  return {
    ...source,
    unchecked: bound.flatMap((column, i) => (mayBeLong(column) ? [i] : [])),
    alias,
    scope,
    reads: bound,
    writes,
    index: compiler.statusPlace(),
    onMissing: spec.onMissing,
    onFailure: spec.onFailure,
    ...(spec.budgetMs === undefined ? {} : { budgetMs: spec.budgetMs }),
    ...(spec.cache === undefined ? {} : { cache: spec.cache }),
    effects: { skips },
  };
}

/** Whether nobody has looked at the length of a column's texts yet: those of a request's fields have been checked as they came. */
function mayBeLong({ name, type }: PlanColumn): boolean {
  return type.element === 'string' && !/^(?:request|object)\./.test(name);
}

type Source = Pick<
  FetchNode,
  'part' | 'view' | 'sourceId' | 'identity' | 'history' | 'keys' | 'features' | 'isStatic' | 'maxAgeMs'
>;

function describeSource(name: string, compiler: StepCompiler): Source | undefined {
  const { views, parts, broken } = compiler.catalogue;
  const view = views.get(name);
  if (view !== undefined) {
    return {
      part: view.store,
      view,
      sourceId: view.hash,
      identity: view.hash,
      history: 'as-of',
      keys: view.entity,
      features: view.features,
      isStatic: view.isStatic,
      ...(view.maxAgeMs === undefined ? {} : { maxAgeMs: view.maxAgeMs }),
    };
  }
  if (broken.has(name)) return undefined;
  const part = parts.get(name);
  if (part?.ports.includes(featureSource.name) !== true) {
    const known = [...views.keys(), ...compiler.partsOf(featureSource)];
    compiler.mistake(['fetch'], `there is no view or feature source "${name}"${didYouMean(name, known)}`);
    return undefined;
  }
  const description = part.description as FeatureSourceDescription;
  const declares = (mistake: string): void => compiler.mistake(['fetch'], `"${name}" ${mistake}`);
  const keys = fieldsOf(description.keys);
  for (const key of keys)
    if (!isKeyType(key.type)) declares(`declares the key "${key.name}": ${notKey(key.type)}`);
  if (description.offline === 'pure' && description.maxAgeMs !== undefined)
    declares('is pure but declares a max age: what a function computes has no age');
  const features = Object.entries(description.features).map(([feature, declared]) => {
    const type = parseType(typeof declared === 'string' ? declared : declared.type);
    const fallback = typeof declared === 'string' ? undefined : declared.default;
    if (fallback === undefined) return { name: feature, type };
    if (!isDefault(type, fallback))
      declares(`declares a default for "${feature}": ${notDefault(type, fallback)}`);
    return { name: feature, type, default: fallback };
  });
  return {
    part: name,
    // Includes its name, because parts of one definition may read different stores.
    sourceId: `${name}.${contentId(part.identity)}`,
    identity: part.identity,
    history: description.offline,
    keys,
    features,
    isStatic: description.maxAgeMs === undefined,
    ...(description.maxAgeMs === undefined ? {} : { maxAgeMs: description.maxAgeMs }),
  };
}

function offlineOf(node: FetchNode): Offline {
  const { alias, view, history } = node;
  if (view !== undefined) {
    const contract = contractOf(node, view);
    const cached = node.cache === undefined ? {} : { cachedMs: node.cache.ttlMs };
    return { how: 'as-of', view, slot: 'source', contract, ...cached };
  }
  if (history === 'pure') return { how: 'same' };
  const because =
    history === 'log-only'
      ? `the source of "${alias}" answers online only: its history is only in the logs of served requests, which a spine reads with \`served\``
      : `the source of "${alias}" is not a view, so it cannot be read as of a past time`;
  return { how: 'refuse', because, ...(history === 'log-only' ? { logged: contractOf(node) } : {}) };
}

/** The hash of everything that decides what a pipeline makes of rows of a view, or of a source that answers online only. */
function contractOf(node: FetchNode, view?: FeatureView): string {
  const { features, onMissing, onFailure } = node;
  return contentId(
    canonicalJson({
      ...(view === undefined ? { source: node.identity } : { view: view.hash }),
      defaults: Object.fromEntries(features.map(({ name, default: fallback }) => [name, fallback ?? null])),
      maxAgeMs: node.isStatic ? null : (node.maxAgeMs ?? null),
      refresh: view?.refresh ?? null,
      onMissing,
      onFailure,
    }),
  );
}

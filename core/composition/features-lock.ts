import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { FeaturesLock, LockedView } from '../models/locked-view.js';
import { lockOf, nodesBehind } from '../pipeline/features-lock.js';
import type { Plan } from '../pipeline/plan.js';
import { predictor, type DescribedModel } from '../ports/predictor.js';

/** A view that a model was trained on, and that its pipeline reads otherwise. */
export interface LockDifference {
  readonly pipeline: string;
  /** The alias of the step that predicts, and its place. */
  readonly step: string;
  readonly path: ConfigPath;
  readonly predictor: string;
  readonly view: string;
  readonly locked: LockedView;
  /** The view of this name that the columns of the step come from. */
  readonly found: LockedView | undefined;
  /** `version`: none of those views is of the version; `contract`: one is, and its rows are read in another way. */
  readonly kind: 'version' | 'contract';
}

/**
 * Compares the locks of models with the views that the columns of each step come from which they predict for.
 *
 * @param lockFor The lock of the model of a predictor; `undefined` where it has none.
 */
export function lockDifferences(
  plans: Iterable<Plan>,
  lockFor: (predictor: string) => FeaturesLock | undefined,
): readonly LockDifference[] {
  return [...plans].flatMap((plan) =>
    plan.nodes.flatMap((node) => {
      const used = Object.values(node.definition.parts?.(node) ?? {});
      const part = used.find((each) => each?.port === predictor)?.part;
      const lock = part === undefined ? undefined : lockFor(part);
      if (part === undefined || lock === undefined) return [];
      const read = lockOf(nodesBehind(plan, node.reads));
      const of = {
        pipeline: plan.name,
        step: node.alias,
        path: ['pipelines', plan.name, 'steps', node.step, node.verb],
        predictor: part,
      };
      return Object.entries(lock).flatMap(([view, locked]): LockDifference[] => {
        const same = Object.values(read).find(({ hash }) => hash === locked.hash);
        if (same === undefined) return [{ ...of, view, locked, found: read[view], kind: 'version' }];
        return same.contract === locked.contract
          ? []
          : [{ ...of, view, locked, found: same, kind: 'contract' }];
      });
    }),
  );
}

/**
 * What differs is a mistake of the step that predicts: another version of a view always, another contract where the predictor says so.
 *
 * @param options.warn Gets what is not a mistake.
 */
export function checkLocks(
  plans: Iterable<Plan>,
  described: ReadonlyMap<string, DescribedModel>,
  { mistakes, warn }: { readonly mistakes: Mistakes; readonly warn: (difference: LockDifference) => void },
): void {
  for (const difference of lockDifferences(plans, (name) => described.get(name)?.featuresLock)) {
    const { model, strictContract = false } = described.get(difference.predictor)!;
    const { kind, view, locked, found, path } = difference;
    if (kind === 'version') {
      const here =
        found === undefined
          ? 'the columns of this step come from no such view'
          : `here its hash is ${found.hash}`;
      mistakes.add(
        path,
        `${model.name} ${model.version} was trained on view "${view}" ${locked.hash}, and ${here}: bring back that definition, or train the model on this one`,
      );
    } else if (strictContract)
      mistakes.add(path, `${model.name} ${model.version} ${contractText(difference)}`);
    else warn(difference);
  }
}

/** What another contract means, after the name of a model. */
export function contractText({ view }: Pick<LockDifference, 'view'>): string {
  return `was trained on rows of view "${view}" that were read in another way (defaults, max age, refresh or policies): bring them back, or train the model anew`;
}

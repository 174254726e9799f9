import type { FeaturesLock } from '../models/locked-view.js';
import { contentId } from '../wire/base32.js';
import type { Plan, PlanColumn, PlanNode } from './plan.js';

/** The nodes that columns of a plan come from, whatever lies between. */
export function nodesBehind(plan: Plan, columns: readonly PlanColumn[]): ReadonlySet<PlanNode> {
  const found = new Set<PlanNode>();
  const wanted = [...columns];
  for (let column = wanted.pop(); column !== undefined; column = wanted.pop()) {
    const { place } = column;
    const written = plan.elements.find((element) => element.place === place)?.of ?? place;
    const node = plan.nodes.find(({ writes }) => writes.some((each) => each.place === written));
    if (node === undefined || found.has(node)) continue;
    found.add(node);
    wanted.push(...node.reads);
  }
  return found;
}

/** The views that nodes read, as a model that is trained on them keeps them. */
export function lockOf(nodes: Iterable<PlanNode>): FeaturesLock {
  // Keys: names of views.
  const found = new Map<string, { readonly hash: string; readonly contracts: Set<string> }>();
  for (const node of nodes) {
    const offline = node.definition.offline(node);
    if (offline.how !== 'as-of') continue;
    const { view, contract } = offline;
    const known = found.get(view.name);
    if (known === undefined) found.set(view.name, { hash: view.hash, contracts: new Set([contract]) });
    else known.contracts.add(contract);
  }
  return Object.fromEntries(
    [...found].map(([name, { hash, contracts }]) => {
      const [first, ...others] = [...contracts].sort();
      // Read in several ways: all of them are what the model has seen.
      return [
        name,
        { hash, contract: others.length === 0 ? first! : contentId([first, ...others].join(' ')) },
      ];
    }),
  );
}

import type { Frame } from '../data/frame.js';
import type { ExplainedNode, Explanation } from '../ports/data-plane.js';
import type { Plan, PlanNode } from './plan.js';

/** Every value that a run used, with status and time where a node has them. */
export function explainRun(plan: Plan, frame: Frame): Explanation {
  const kept = frame.kept(plan.answerMask);
  const left = kept === undefined ? undefined : new Set(kept.rows);
  return {
    time: frame.time[0] as number,
    objects: frame.objects,
    nodes: plan.nodes.map((node) => explainNode(node, frame)),
    skipped: (object) => left?.has(object) === false,
  };
}

/** What one node produced. */
export function explainNode(node: PlanNode, frame: Frame): ExplainedNode {
  const rows = node.definition.explain?.(node, frame);
  return {
    alias: node.alias,
    scope: node.scope,
    ...(rows === undefined ? {} : { rows }),
    columns: node.writes.map((column) => ({
      name: column.name.slice(node.alias.length + 1),
      column: frame.column(column.place),
    })),
  };
}

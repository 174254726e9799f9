import type { Plan, PlanNode } from '../pipeline/plan.js';

/** The nodes that a run over history computes: all of them where the models predict too, else those that need no model. */
export function computedNodes(
  plan: Plan,
  { predict }: { readonly predict?: boolean | undefined },
): PlanNode[] {
  return plan.nodes.filter((node) => predict === true || !dependsOnModel(plan, node));
}

/** Whether a node is a model or needs one's outputs. */
function dependsOnModel(plan: Plan, node: PlanNode): boolean {
  return (
    node.definition.offline(node).how === 'model' ||
    node.after.some((id) =>
      dependsOnModel(
        plan,
        plan.nodes.find((other) => other.id === id)!,
      ),
    )
  );
}

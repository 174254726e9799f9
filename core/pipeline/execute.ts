import { abortError } from '../kernel/errors.js';
import type { PlanNode } from './plan.js';
import type { NodeStep, RunContext } from './run-context.js';

/** A node and what runs it. */
export interface RunnableNode {
  readonly node: PlanNode;
  readonly step: NodeStep;
}

/**
 * Prepares the execution of a graph: nodes start as soon as those they come after have ended, independent ones at the same time.
 * A node that answers at once costs no promise, and a graph of such nodes runs without leaving the call.
 */
export function createExecutor(
  nodes: readonly RunnableNode[],
): (context: RunContext) => void | Promise<void> {
  const position = new Map(nodes.map(({ node }, i) => [node.id, i]));
  const followers: number[][] = nodes.map(() => []);
  const waitsFor = new Uint16Array(nodes.length);
  nodes.forEach(({ node }, i) => {
    for (const id of node.after) {
      const before = position.get(id);
      if (before === undefined) continue;
      followers[before]!.push(i);
      waitsFor[i] = (waitsFor[i] as number) + 1;
    }
  });
  const roots = nodes.map((_, i) => i).filter((i) => waitsFor[i] === 0);

  return (context) => {
    const waiting = waitsFor.slice();
    const ready = roots.slice();
    let remaining = nodes.length;
    let failed = false;
    let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

    function finish(at: number): void {
      remaining--;
      for (const next of followers[at] as number[]) {
        if (--(waiting as unknown as number[])[next]! === 0) ready.push(next);
      }
    }

    function fail(error: unknown): void {
      if (failed) return;
      failed = true;
      settle?.reject(error);
    }

    function drain(): void {
      while (ready.length > 0) {
        if (context.signal.aborted) throw abortError(context.signal);
        start(ready.shift() as number);
      }
    }

    function start(at: number): void {
      const { node, step } = nodes[at] as RunnableNode;
      const { durations } = context;
      const from = durations === undefined ? 0 : performance.now();
      const result = step.run(context);
      if (!(result instanceof Promise)) {
        if (durations !== undefined) durations[node.id] = (performance.now() - from) / 1000;
        finish(at);
        return;
      }
      result.then(
        () => {
          if (failed) return;
          if (durations !== undefined) durations[node.id] = (performance.now() - from) / 1000;
          finish(at);
          try {
            drain();
          } catch (error) {
            fail(error);
            return;
          }
          if (remaining === 0) settle?.resolve();
        },
        (error: unknown) => {
          fail(error);
        },
      );
    }

    try {
      drain();
    } catch (error) {
      // What has begun goes on to its end; nothing begins after it.
      failed = true;
      throw error;
    }
    if (remaining === 0) return undefined;
    return new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
  };
}

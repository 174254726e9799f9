import { abortError } from '../kernel/errors.js';
import { isThenable } from '../kernel/thenable.js';
import type { PlanNode } from './plan.js';
import type { RunNode } from './layers.js';
import type { NodeRun } from './run.js';

/** A node and what runs it. */
export interface RunnableNode {
  readonly node: PlanNode;
  readonly run: RunNode;
}

/**
 * Prepares the execution of a graph: each node starts as soon as the nodes before it have ended, and independent nodes run at the same
 * time. A node that answers at once costs no promise, and a graph of such nodes runs without leaving the call.
 */
export function createExecutor(nodes: readonly RunnableNode[]): RunNode {
  // Keys: nodes, which are numbers.
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

  return (context: NodeRun) => {
    const { signal } = context.call;
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
        if (signal.aborted) throw abortError(signal);
        start(ready.shift() as number);
      }
    }

    function start(at: number): void {
      const result = (nodes[at] as RunnableNode).run(context);
      if (!isThenable(result)) return finish(at);
      result.then(
        () => {
          if (failed) return;
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
      // Nodes that have begun go on to their end; no further node begins.
      failed = true;
      throw error;
    }
    if (remaining === 0) return undefined;
    return new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
  };
}

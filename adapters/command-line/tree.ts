/** A line of a tree, and the lines under it. */
export interface Branch {
  readonly text: string;
  readonly branches?: readonly Branch[];
}

/** Draws a tree with its root at the margin. */
export function drawTree({ text, branches = [] }: Branch): string {
  const lines = branches.flatMap((branch, i) => {
    const isLast = i === branches.length - 1;
    const [first, ...rest] = drawTree(branch).split('\n');
    return [`${isLast ? '└─' : '├─'} ${first}`, ...rest.map((line) => `${isLast ? '  ' : '│ '} ${line}`)];
  });
  return [text, ...lines].join('\n');
}

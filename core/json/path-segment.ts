/** A segment of a path without its percent-encoding; `undefined` where that is broken. */
export function pathSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

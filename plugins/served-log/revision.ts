const name = /^(.+?)(?:\.r([1-9]\d*))?\.parquet$/;

/** Which version of a file a key is of: a file without some rows of another takes its place, as `<name>.r1.parquet`, then `.r2`. */
export interface Revision {
  /** The key of the first version, without its ending. */
  readonly base: string;
  readonly revision: number;
}

export function revisionOf(key: string): Revision {
  const [, base = key, revision = '0'] = name.exec(key) ?? [];
  return { base, revision: Number(revision) };
}

export function keyOf({ base, revision }: Revision): string {
  return revision === 0 ? `${base}.parquet` : `${base}.r${revision}.parquet`;
}

/** The files that no later version of them replaces, in their order: where both are there, the former is about to be removed. */
export function newestOf<F extends { readonly key: string }>(files: readonly F[]): readonly F[] {
  // Keys: names of files of the log.
  const newest = new Map<string, number>();
  const revisions = files.map(({ key }) => revisionOf(key));
  for (const { base, revision } of revisions) newest.set(base, Math.max(revision, newest.get(base) ?? 0));
  return files.filter((_, i) => newest.get(revisions[i]!.base) === revisions[i]!.revision);
}

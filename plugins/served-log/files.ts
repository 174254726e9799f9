import { instantOfUtcText, type BlobStore, type CallContext, type LogDays, type LogFile } from 'vivace';
import { newestOf } from './revision.js';

const place = /^dt=([^/]{10})\/[^/]+\.parquet$/;

/** The files in a folder of days, by day and then by name, without those that others have replaced. */
export async function filesOf(
  blobs: BlobStore,
  { folder, days: { from, to }, context }: { folder: string; days: LogDays; context: CallContext },
): Promise<readonly LogFile[]> {
  const files: LogFile[] = [];
  // The name of a day comes before those of its files.
  let after = from === undefined ? undefined : `${folder}dt=${from}`;
  for (;;) {
    const { blobs: page, next } = await blobs.list(folder, context, after === undefined ? {} : { after });
    for (const { key, sizeBytes } of page) {
      const day = place.exec(key.slice(folder.length))?.[1];
      if (day === undefined || instantOfUtcText(day) === undefined) continue;
      if (to !== undefined && day > to) return newestOf(files);
      files.push({ key, day, sizeBytes });
    }
    if (next === undefined) return newestOf(files);
    after = next;
  }
}

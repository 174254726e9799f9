import { manifestDigest, type BundleManifest, type ModelIdentity } from 'vivace';

/** Which model a bundle is, and what it is. */
export function identityOf(manifest: BundleManifest): ModelIdentity {
  const { name, version } = manifest;
  return { name, version, digest: manifestDigest(manifest) };
}

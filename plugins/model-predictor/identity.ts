import { manifestDigest, type BundleManifest, type ModelIdentity } from 'vivace';

/** Which version of which model a bundle is, and the digest of its manifest. */
export function identityOf(manifest: BundleManifest): ModelIdentity {
  const { name, version } = manifest;
  return { name, version, digest: manifestDigest(manifest) };
}

import semver from 'semver';

/** Semver 2.0.0 without prefix, or a positive integer of at most nine digits. */
export function isVersionName(name: string): boolean {
  return /^[1-9]\d{0,8}$/.test(name) || (/^\d/.test(name) && semver.parse(name)?.raw === name);
}

/** 1.2.0-rc.1: never "highest". */
export function isPrerelease(version: string): boolean {
  return (semver.parse(version)?.prerelease.length ?? 0) > 0;
}

/** Order of versions, highest last; the integer 3 stands where 3.0.0 does. */
export function compareVersions(a: string, b: string): number {
  return semver.compareBuild(asSemver(a), asSemver(b)) || (a < b ? -1 : a > b ? 1 : 0);
}

function asSemver(version: string): string {
  return /^\d+$/.test(version) ? `${version}.0.0` : version;
}

/** The four types that a feature's elements may have. */
export const featureTypes = ['number', 'integer', 'boolean', 'string'] as const;
export type FeatureType = (typeof featureTypes)[number];

export type FeatureScalar = number | string | boolean | null;

/** One feature's value: a scalar, or for a feature with a shape a flat or nested array of scalars. */
export type FeatureValue = FeatureScalar | readonly FeatureValue[];

/** The key of an entity as the caller gives it: a string of at most 256 characters without NUL, or a safe integer. */
export type EntityKey = string | number;

/** Where a feature's value came from. */
export type FeatureOrigin = 'request' | 'cache' | 'store' | 'default';

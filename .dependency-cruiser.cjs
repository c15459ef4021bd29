/** Import rules of ARCHITECTURE.md: a folder may import only from the folders drawn below it. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}`, pathNot: '\\.(test|contract)\\.ts$' },
  to: { path: '^src/', pathNot: [`^src/${from}`, ...allowed] },
});
const front = (folders) => folders.map((folder) => `^src/${folder}/index\\.ts$`);
const shared = '^src/shared/';

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    only('shared-imports-nothing', 'shared/', []),
    only('resilience-knows-shared', 'resilience/', [shared]),
    only('features-stand-alone', 'features/', [shared, '^src/resilience/']),
    only('models-stand-alone', 'models/', [shared, '^src/resilience/']),
    only('events-stand-alone', 'events/', [shared, '^src/resilience/']),
    only('access-stands-alone', 'access/', [shared, '^src/resilience/']),
    only('overload-stands-alone', 'overload/', [shared]),
    only('prediction-uses-front-doors', 'prediction/', [shared, ...front(['features', 'models', 'events', 'access'])]),
    only('observability-listens', 'observability/', [
      shared,
      ...front(['features', 'models', 'events', 'access', 'overload', 'prediction', 'http', 'grpc']),
    ]),
    only('grpc-is-an-edge', 'grpc/', [shared, ...front(['prediction', 'models', 'access'])]),
    only('http-is-an-edge', 'http/', [shared, ...front(['prediction', 'models', 'access', 'features'])]),
    only('config-reads-options', 'config/', [shared, '/options\\.ts$']),
    only('cli-asks-app', 'cli/', [
      shared,
      '^src/app/',
      '^src/config/',
      ...front(['features', 'models', 'events', 'access', 'prediction']),
    ]),
    {
      name: 'adapters-are-named-in-app',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/app/',
          '\\.(test|contract)\\.ts$',
          '^src/(features/(caches|stores)|events/sinks|models/(registry|runtimes)|access/keys)/',
        ],
      },
      to: {
        path: '^src/(features/(caches|stores)|events/sinks|models/runtimes)/.+',
        pathNot: ['/(runtime|cache|store|sink)\\.ts$'],
      },
    },
    {
      name: 'only-http-imports-fastify',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/http/' },
      to: { path: 'node_modules/(@fastify|fastify)/' },
    },
    {
      name: 'options-are-plain',
      severity: 'error',
      from: { path: '/options\\.ts$' },
      to: { pathNot: ['^src/shared/', 'node_modules/@sinclair/typebox/'] },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.(test|contract)\\.ts$', '^src/main\\.ts$', '\\.d\\.ts$'] },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};

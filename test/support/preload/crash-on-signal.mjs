// Loaded with --import into a service under test: defects on demand.
process.on('SIGUSR2', () =>
  setImmediate(() => {
    throw new Error('thrown on demand');
  }),
);
process.on('SIGHUP', () => void Promise.reject(new Error('rejected on demand')));

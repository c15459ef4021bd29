/** The two pages: no inline script, nothing from another host, so that the strict policy below holds. */
export const docsContentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  // Both pages write style elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const swaggerPage = page({
  title: 'Inference Service: API',
  head: '<link rel="stylesheet" href="/docs/swagger-ui.css">',
  body: '<div id="swagger-ui"></div>',
  scripts: ['/docs/swagger-ui-bundle.js', '/docs/start.js'],
});

export const swaggerStart = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
  tryItOutEnabled: true,
});
`;

export const redocPage = page({
  title: 'Inference Service: API reference',
  head: '<style>body { margin: 0; }</style>',
  body: '<div id="redoc"></div>',
  scripts: ['/redoc/redoc.standalone.js', '/redoc/start.js'],
});

/** Its search would run in a worker made from a blob, which the policy does not allow. */
export const redocStart = `Redoc.init(
  '/openapi.json',
  { disableSearch: true, hideDownloadButton: false, nativeScrollbars: true },
  document.getElementById('redoc'),
);
`;

interface Page {
  readonly title: string;
  readonly head: string;
  readonly body: string;
  readonly scripts: readonly string[];
}

function page({ title, head, body, scripts }: Page): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="icon" href="/docs/favicon.png">
    ${head}
  </head>
  <body>
    ${body}
${scripts.map((source) => `    <script src="${source}"></script>`).join('\n')}
  </body>
</html>
`;
}

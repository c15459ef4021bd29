import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const requireFrom = createRequire(import.meta.url);

export interface Asset {
  readonly contentType: string;
  readonly body: Buffer;
}

interface AssetSource {
  readonly module: string;
  readonly contentType: string;
  /** Mends what the file would ask of outside hosts. */
  readonly mend?: (text: string) => string;
}

const script = 'text/javascript; charset=utf-8';

/** Redoc's footer shows a logo from an outside host: an empty picture takes its place, so that the page asks nobody. */
const redocLogo = 'https://cdn.redoc.ly/redoc/logo-mini.svg';
const emptyPicture = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';

const sources: Readonly<Record<string, AssetSource>> = {
  '/docs/swagger-ui.css': { module: 'swagger-ui-dist/swagger-ui.css', contentType: 'text/css; charset=utf-8' },
  '/docs/swagger-ui-bundle.js': { module: 'swagger-ui-dist/swagger-ui-bundle.js', contentType: script },
  '/docs/favicon.png': { module: 'swagger-ui-dist/favicon-32x32.png', contentType: 'image/png' },
  '/redoc/redoc.standalone.js': {
    module: 'redoc/bundles/redoc.standalone.js',
    contentType: script,
    mend: (text) => text.replaceAll(redocLogo, emptyPicture),
  },
};

export const assetPaths: readonly string[] = Object.keys(sources);

/** The files of the installed documentation pages, read when first asked for and then kept. */
export class DocsAssets {
  readonly #loaded = new Map<string, Promise<Asset>>();

  /** `path` is one of `assetPaths`. */
  read(path: string): Promise<Asset> {
    let asset = this.#loaded.get(path);
    if (asset === undefined) {
      asset = load(path);
      this.#loaded.set(path, asset);
      // A file that could not be read is tried again by the next request.
      asset.catch(() => this.#loaded.delete(path));
    }
    return asset;
  }
}

async function load(path: string): Promise<Asset> {
  const source = sources[path];
  if (source === undefined) throw new Error(`No documentation file has the path ${path}`);
  const content = await readFile(requireFrom.resolve(source.module));
  const body = source.mend === undefined ? content : Buffer.from(source.mend(content.toString('utf8')));
  return { contentType: source.contentType, body };
}

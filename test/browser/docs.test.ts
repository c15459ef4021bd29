import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { makeKey } from '../support/program.js';
import { launchService, temporaryFolder, type Service } from '../support/service.js';

const screenshots = process.env['SCREENSHOTS'];

let browser: Browser;
let service: Service;
let key: string;

beforeAll(async () => {
  const data = temporaryFolder('browser');
  ({ secret: key } = await makeKey(data));
  service = await launchService({ data, args: oneModel, env: { INFERENCE_SERVICE__AUTH__MODE: 'required' } });
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
}, 120_000);
afterAll(async () => {
  await browser.close();
  await service.stop('SIGKILL');
});

/** A page that keeps account of all that it should not do. */
async function open(where: string): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(service.url) && !/^(data|blob):/.test(request.url()))
      faults.push(`outside: ${request.url()}`);
  });
  // A text: it runs in the page, whose types are not those of this program.
  await page.addInitScript(`document.addEventListener('securitypolicyviolation', (event) => {
    console.error('CSP: ' + event.violatedDirective + ' ' + event.blockedURI);
  })`);
  await page.goto(service.url + where, { waitUntil: 'networkidle' });
  return { page, faults };
}

async function picture(page: Page, name: string): Promise<void> {
  if (screenshots === undefined) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, `${name}.png`) });
}

describe('demand 38: the documentation pages in Chromium', () => {
  it('/docs: an authenticated prediction by clicking, with no CSP violation and no outside request', async () => {
    const { page, faults } = await open('/docs');
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.modal-ux');
    await dialog.getByRole('textbox').first().fill(key);
    await dialog
      .getByRole('button', { name: /^Apply/ })
      .first()
      .click();
    await dialog.getByRole('button', { name: 'Close' }).first().click();

    const operation = page.locator('.opblock', { has: page.locator('[data-path="/v1/predict"]') });
    await operation.locator('.opblock-summary').click();
    await operation.locator('textarea.body-param__text').fill(JSON.stringify(oneRequest));
    await operation.getByRole('button', { name: 'Execute' }).click();
    const response = operation.locator('.live-responses-table');
    await response.locator('.response-col_status', { hasText: '200' }).first().waitFor();
    expect(await response.innerText()).toContain('"denial_probability"');
    await response.scrollIntoViewIfNeeded();
    await picture(page, 'docs');
    expect(faults).toEqual([]);

    // What would be a fault is seen.
    await page.evaluate(`fetch('https://outside.invalid/').catch(() => undefined)`);
    await page.waitForFunction(() => true);
    expect(faults.join()).toContain('CSP: connect-src https://outside.invalid/');
  });

  it('/redoc: renders every operation, with no CSP violation and no outside request', async () => {
    const { page, faults } = await open('/redoc');
    await page
      .getByRole('heading', { name: /predict/i })
      .first()
      .waitFor();
    expect(await page.locator('body').innerText()).toContain('/v1/predict/batch');
    await picture(page, 'redoc');
    expect(faults).toEqual([]);
  });
});

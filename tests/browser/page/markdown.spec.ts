// The rendering of Markdown: what texts become.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './markdown/page';

const show = (page: Page, text: string, streaming = false) =>
  page.evaluate(([text, streaming]) => markdown.show([text], streaming ? 0 : 1), [text, streaming] as const);

/** Shows a text with nothing of the one before, and waits until its formulas have had their turn: the last of them comes last. */
async function showAnew(page: Page, text: string) {
  await page.evaluate(() => markdown.show([]));
  await expect(page.locator('.markdown')).toHaveCount(0);
  await show(page, `${text}\n\n\\(last\\)`);
  await expect(page.locator('.formula').last().locator('annotation')).toHaveText('last');
}

/** Shows a text, and gives its elements' outline, such as `p(strong em)`, without what is in formulas and code. */
const outline = async (page: Page, text: string, streaming = false): Promise<string> => {
  await show(page, text, streaming);
  return page.evaluate(() => {
    const of = (element: Element): string => {
      const whole = element.matches('.code, .formula, .formula-source');
      const inner = whole ? '' : [...element.children].map(of).join(' ');
      return inner === '' ? element.localName : `${element.localName}(${inner})`;
    };
    return [...(document.querySelector('.markdown')?.children ?? [])].map(of).join(' ');
  });
};

test('blocks and marks', async ({ texts: page }) => {
  const cases: [string, string][] = [
    ['a **b** *c* ~~d~~ `e`', 'p(strong em del code)'],
    ['a\n\nb', 'p p'],
    ['- a\n- b\n  1. c\n\nd', 'ul(li li(ol(li))) p'],
    ['> a\n> > b', 'blockquote(p blockquote(p))'],
    ['a\n\n---', 'p hr'],
    ['- [x] a\n- [ ] b', 'ul(li(input) li(input))'],
    ['|a|b|\n|-|-|\n|c|d<br>e|', 'div(table(thead(tr(th th)) tbody(tr(td td(br)))))'],
    ['### a\n##### b\n## c\n### d', 'h3 h4 h3 h4'],
    ['> # a', 'blockquote(p(strong))'],
    ['<b>x</b>', 'p'],
    ['[a][b]\n\n[b]: https://b.example', 'p(a(bdi bdi))'],
  ];
  for (const [text, expected] of cases) expect(await outline(page, text), text).toBe(expected);
  await show(page, '7. a\n8. b');
  await expect(page.locator('ol')).toHaveAttribute('start', '7');
  await show(page, '<b>x</b> &amp; &lt;i&gt; &#65;');
  await expect(page.locator('.markdown')).toHaveText('<b>x</b> & <i> A');
});

test('formulas, and what is none', async ({ texts: page }) => {
  const cases: [string, string[]][] = [
    ['a \\(x_1*y*z_2\\) b', ['x_1*y*z_2']],
    ['_\\(x_{1}\\) and \\(y_{2}\\)_', ['x_{1}', 'y_{2}']],
    ['\\[\na\n- b\n= c\n\\]', ['a\n- b\n= c']],
    ['so\n$$\nx\n$$\nthen', ['x']],
    ['a $x$ and $y+1$.', ['x', 'y+1']],
    ['- a\n  \\[ x \\]', ['x']],
    ['**\\boxed{\\frac{1}{2}}**', ['\\boxed{\\frac{1}{2}}']],
    ['|a|b|\n|-|-|\n|\\(|x|\\)|$|y|$|', ['|x|', '|y|']],
    ['$5 and $10', []],
    ['from $5, or 4 pounds and 3$ more', []],
    ['US$5 and C$6', []],
    ['`\\(x\\)` and `$y$`', []],
    ['```\n\\(x\\) \\boxed{1}\n```', []],
    ['\\(never ends', []],
    ['\\(a\n\nb\\)', []],
  ];
  for (const [text, sources] of cases) {
    await showAnew(page, text);
    const shown = await page.locator('.formula annotation').allTextContents();
    expect(shown.slice(0, -1), text).toEqual(sources);
  }
});

test('a formula that is wrong, or too much, stays its source', async ({ texts: page }) => {
  for (const source of ['\\frac{1', '\\unknown', `${'{'.repeat(5000)}`, '\\def\\a{\\a\\a}\\a']) {
    await showAnew(page, `\\(${source}\\)`);
    await expect(page.locator('.formula')).toHaveCount(1);
    await expect(page.locator('.formula-source')).toHaveText(`\\(${source}\\)`);
  }
});

test('links show where they lead, images are links, other addresses are text', async ({ texts: page }) => {
  const links = page.locator('.markdown a');
  await show(page, '[good.example](https://evil.example/path) https://own.example/ <mailto:a@b.example>');
  await expect(links).toHaveText(['good.example evil.example', 'https://own.example/', 'mailto:a@b.example']);
  for (const link of await links.all()) {
    await expect(link).toHaveAttribute('rel', 'noopener noreferrer nofollow');
    await expect(link).toHaveAttribute('target', '_blank');
  }
  await expect(links.first()).toHaveAttribute('title', 'https://evil.example/path');
  await show(page, '![a cat](https://cats.example/1.png) [![b](https://x.example/i.png)](https://y.example/)');
  await expect(links).toHaveText(['a cat cats.example', 'b y.example']);
  await expect(page.locator('.markdown a > svg')).toHaveCount(1);
  await show(page, '[a](javascript:alert) [b](/relative) [c](data:text/html,x) [d](file:///etc) [e](//f.example)');
  await expect(links).toHaveCount(0);
  await expect(page.locator('.markdown')).toHaveText('a b c d e');
});

test('code: its language, its colours once the fence has closed, and copying', async ({ texts: page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const code = page.locator('pre > code');
  await show(page, 'x\n\n```js', true);
  await expect(page.locator('.code-head')).toContainText('js');
  await show(page, 'x\n\n```js\nlet a = 1;\n``', true);
  await expect(code).toHaveText('let a = 1;\n');
  await show(page, 'x\n\n```js\nlet a = 1;\n```', true);
  await expect(code.locator('.hljs-keyword')).toHaveText('let');
  await expect(code).toHaveText('let a = 1;');
  await page.getByRole('button', { name: 'Copy the code' }).click();
  await expect(page.locator('.code-head [role=status]')).toHaveText('Copied');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('let a = 1;');
  await show(page, '```js\nlet a = 1;', true);
  await expect(code).toHaveText('let a = 1;');
  await expect(code.locator('span')).toHaveCount(0); // more may come
  await show(page, '```js\nlet a = 1;');
  await expect(code.locator('.hljs-keyword')).toHaveText('let');
});

test('copying a text copies the sources of its formulas', async ({ texts: page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await show(page, 'so \\(x^2\\) is **it**\n\nend');
  await expect(page.locator('.formula')).toHaveCount(1);
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.press('ControlOrMeta+c');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('so \\(x^2\\) is it\n\nend');
});

test('half-typed marks show as what they become', async ({ texts: page }) => {
  const cases: [string, string][] = [
    ['a **b', 'p(strong)'],
    ['a **', 'p'],
    ['a **b \\( x_1', 'p(strong(span))'],
    ['a `b', 'p(code)'],
    ['a\n-', 'p'],
    ['- a\n-', 'ul(li)'],
    ['- **a', 'ul(li(strong))'],
    ['| a | b |', 'div(table(thead(tr(th th)) tbody))'],
    ['x\n\n| a | b |\n|--', 'p div(table(thead(tr(th th)) tbody))'],
    ['2 * 3', 'p'],
    ['a [b](https://c', 'p'],
    ['1. a\n\n2', 'ol(li)'],
  ];
  for (const [text, expected] of cases) expect(await outline(page, text, true), text).toBe(expected);
  await show(page, 'a \\( x_1 + x', true);
  await expect(page.locator('.formula-source')).toHaveText('\\( x_1 + x');
});

test('a text that streams ends up as the same elements as one that is there at once', async ({ texts: page }) => {
  const text =
    '# A\n\nsee [r] and\nmore\n===\n\n- a\n\n- b\n  \n  c\n\n1. x\n\n2. y\n\n|a|\n|-|\n|b|\n\n> q\nlazy\n\n```js\n1\n```\n\n' +
    '<div>\n**h**\n\n*t* $$a$$\n\n[r]: https://r.example\n\n[r] `end` **x** \\(never';
  const whole = await outline(page, text);
  const kept = await page.evaluate(async (text) => {
    markdown.show([]);
    const frame = () => new Promise(requestAnimationFrame);
    const list = () => document.querySelector('.markdown > ul');
    await frame();
    let before: Element | null = null;
    let same = true;
    for (let length = 1; length < text.length; length++) {
      markdown.show([text.slice(0, length)], 0);
      await Promise.resolve().then(() => Promise.resolve());
      if (length > 80) same &&= list() !== null && (before ??= list()) === list();
    }
    return same;
  }, text);
  expect(await outline(page, text)).toBe(whole);
  expect(kept).toBe(true);
});

test('accessible in both themes', async ({ texts: page }) => {
  const wide = 'x'.repeat(400);
  await show(
    page,
    `### a\n\n- [x] done\n- [ ] open\n\n|a|${wide}|\n|-|-|\n|c|d|\n\n\`\`\`js\n// ${wide}\nconst a = "b" + f(1);\n\`\`\`\n\n` +
      `\\[ ${'x + '.repeat(100)} x \\]\n\n[a](https://b.example) > q\n\n> q \`c\` ![i](https://i.example/a.png)`,
  );
  await expect(page.locator('.formula.display')).toHaveAttribute('tabindex', '0');
  await expect(page.locator('.hljs-comment')).toBeVisible();
  for (const theme of ['light', 'dark']) {
    await page.evaluate((theme) => void (document.documentElement.dataset['theme'] = theme), theme);
    const { violations } = await new AxeBuilder({ page }).include('.markdown').analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
});

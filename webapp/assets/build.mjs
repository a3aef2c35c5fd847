// Builds the front-end parts into ../static/vendor/: Tabler's CSS lowered for old office browsers
// and without the components no page uses, bpmn-js, one icon sprite, and a manifest with licences.
// Nothing is fetched: everything comes from node_modules, as locked in package-lock.json.
import { transform } from 'lightningcss';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, 'node_modules');
const target = join(here, '..', 'static', 'vendor');
const fresh = `${target}.new`;

const browser = (major, minor = 0) => (major << 16) | (minor << 8);
const targets = { chrome: browser(100), edge: browser(100), firefox: browser(100), safari: browser(15) };

// Tabler components that no page of ours uses; without them the sheet loses about half its weight.
// A page that wants one of them takes its name off this list.
const UNUSED =
  /^(navbar|carousel|ribbon|otp|signal|strength|markdown|prose|mention|chat|sparkline|chart|apexcharts|calendar|sortable|step|steps|timeline|avatar|accordion|offcanvas|popover|tooltip|placeholder|columns|divide|translate|object|ratio|dropzone|ts|tomselect|litepicker|noUi|plyr|flag|payment|datagrid|hljs|fc|jvm|cropper|coloris|star|pricing|demo|wave|tracking|layout|highlight|dropup|dropstart|signature|typed|countup|lightbox|fslightbox|hugerte|tox|browser|emoji|social|marquee|hero|section|shape|nav-segmented|segmented|bg-gradient|btn-(?:blue|azure|indigo|purple|pink|red|orange|yellow|lime|green|teal|cyan|x|facebook|twitter|linkedin|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|bitbucket|tabler|ghost-(?!primary)|outline-(?!primary|secondary)))(-|$)/;

const named = (part) => part.type === 'class' && UNUSED.test(part.name);
const dropUnused = {
  Rule: {
    style(rule) {
      // A rule shared with a component in use stays as it is.
      return rule.value.selectors.every((selector) => selector.some(named)) ? [] : undefined;
    },
  },
};

function buildTabler() {
  const file = join(modules, '@tabler/core/dist/css/tabler.min.css');
  // Two passes: selectors are pruned as written, then the result is lowered.
  const pruned = transform({ filename: 'tabler.css', code: readFileSync(file), visitor: dropUnused });
  const sheet = transform({ filename: 'tabler.css', code: pruned.code, minify: true, targets });
  mkdirSync(join(fresh, 'tabler'));
  writeFileSync(join(fresh, 'tabler/tabler.min.css'), sheet.code);
}

function copyBpmnViewer() {
  const dist = join(modules, 'bpmn-js/dist');
  const to = join(fresh, 'bpmn-js');
  mkdirSync(to);
  cpSync(join(dist, 'bpmn-navigated-viewer.production.min.js'), join(to, 'bpmn-navigated-viewer.production.min.js'));
  for (const sheet of ['diagram-js.css', 'bpmn-js.css']) cpSync(join(dist, 'assets', sheet), join(to, sheet));
}

function iconNames() {
  const lines = readFileSync(join(here, 'icons.txt'), 'utf8').split('\n').map((line) => line.trim());
  return lines.filter((line) => line && !line.startsWith('#'));
}

function symbol(name) {
  const file = join(modules, '@tabler/icons/icons/outline', `${name}.svg`);
  if (!existsSync(file)) throw new Error(`icons.txt names "${name}", which @tabler/icons does not have`);
  const inner = readFileSync(file, 'utf8').replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
  const body = inner.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, '').replace(/\s*\n\s*/g, '').replace(/ \/>/g, '/>');
  return `<symbol id="i-${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
}

function buildIcons() {
  const symbols = iconNames().map(symbol).join('\n');
  writeFileSync(join(fresh, 'icons.svg'), `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols}\n</svg>\n`);
}

function writeManifest() {
  // What is bundled inside bpmn-navigated-viewer is named too: its licences travel with it.
  const shipped = ['@tabler/core', '@tabler/icons', 'bpmn-js', 'diagram-js', 'bpmn-moddle', 'moddle', 'moddle-xml', 'didi', 'tiny-svg', 'min-dash', 'min-dom', 'ids'];
  const parts = shipped
    .map((name) => join(modules, name, 'package.json'))
    .filter(existsSync)
    .map((file) => JSON.parse(readFileSync(file, 'utf8')))
    .map(({ name, version, license, homepage }) => ({ name, version, licence: license ?? 'see the project', homepage: homepage ?? '' }));
  for (const part of parts) if (part.name === 'bpmn-js') part.licence = 'bpmn.io licence (MIT-style; the bpmn.io mark stays visible)';
  writeFileSync(join(fresh, 'manifest.json'), `${JSON.stringify(parts, null, 2)}\n`);
}

rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
buildTabler();
copyBpmnViewer();
buildIcons();
writeManifest();
// Swapped in whole, so that a build that fails half-way leaves the old parts in place.
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);

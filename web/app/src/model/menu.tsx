import { Box, ChevronDown, Download, FileUp, X } from 'lucide';
import { MODEL_FILES, useFilePicker } from '../parts/file-picker';
import { Icon } from '../parts/icon';
import { Menu, type MenuItem } from '../parts/menu';
import { addressOf, scope } from '../scope';
import { percent } from '../text/format';
import { t } from '../text/text';
import './menu.css';
import { answerer, hasGpu, loadFiles, loadKept, loading, unload, wholeModels } from './model';
import { nameOf } from './names';
import { share } from './progress';

/** What answers, and what could instead. */
export function ModelMenu() {
  const [open, input] = useFilePicker(t('model.open'), loadFiles, MODEL_FILES);
  if (scope === 'server') return <span class="model-name">{answerer.value?.name}</span>;
  const label = labelOf();
  return (
    <>
      <Menu
        label={label}
        look="button plain model-menu"
        items={itemsOf(open)}
        button={
          <>
            <bdi>{label}</bdi>
            <Icon of={ChevronDown} size={16} />
          </>
        }
      />
      {input}
    </>
  );
}

function labelOf(): string {
  if (!loading.value) return answerer.value?.name ?? t('model.choose');
  const { name, progress } = loading.value;
  const part = share(progress);
  return part === null ? t('model.loading', { name }) : t('model.loadingPart', { name, part: percent(part) });
}

function itemsOf(open: () => void): MenuItem[] {
  const who = answerer.value;
  const loaded = who?.where === 'device' ? who.id : null;
  const whole = wholeModels.value ?? [];
  const more = { label: t('model.more'), icon: Download, action: () => location.assign(addressOf('models')) };
  if (!hasGpu) return [more];
  return [
    ...whole.map((model) => ({
      label: nameOf(model.url),
      icon: Box,
      checked: model.id === loaded,
      action: () => void (model.id !== loaded && loadKept(model)),
    })),
    { label: t('model.open'), icon: FileUp, action: open },
    more,
    ...(loading.value ? [{ label: t('model.cancel'), icon: X, action: loading.value.cancel }] : []),
    ...(who ? [{ label: t('model.unload'), icon: X, action: () => void unload() }] : []),
  ];
}

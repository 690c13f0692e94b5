import { Brain } from 'lucide';
import type { Conversation } from '../history/types';
import { answerer } from '../model/model';
import { Icon } from '../parts/icon';
import { Menu, type MenuItem } from '../parts/menu';
import { type Settings, settingsOf } from '../settings/settings';
import { t } from '../text/text';
import { changeCurrent } from './open';

/** Whether the model thinks before it answers. Servers know no budget. */
export function ThinkingMenu({ conversation }: { conversation: Conversation }) {
  const who = answerer.value;
  if (who?.where === 'device' && !who.thinks) return null;
  const { thinking, thinkingBudget } = settingsOf(conversation.settings);
  const choose = (choice: Settings['thinking']) =>
    void changeCurrent({ settings: { ...conversation.settings, thinking: choice } });
  const item = (choice: Settings['thinking'], label: string): MenuItem => ({
    label,
    checked: thinking === choice,
    action: () => choose(choice),
  });
  const items = [
    item('on', t('chat.think.on')),
    ...(who?.where === 'server' ? [] : [item('budget', t('chat.think.budget', { count: thinkingBudget }))]),
    item('off', t('chat.think.off')),
  ];
  const names = { on: t('chat.think.isOn'), budget: t('chat.think.isBudget'), off: t('chat.think.isOff') };
  return (
    <Menu
      label={names[thinking]}
      look={`button plain think ${thinking}`}
      items={items}
      button={
        <>
          <Icon of={Brain} />
          <span>{names[thinking]}</span>
        </>
      }
    />
  );
}

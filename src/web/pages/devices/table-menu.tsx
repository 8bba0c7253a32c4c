// A button above the table that opens a panel of choices; what is in it is made when it is open.
import { Button, Indicator, Popover } from '@mantine/core';
import type { TablerIcon } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';

interface TableMenuProps {
  label: string;
  icon: TablerIcon;
  position: 'bottom-start' | 'bottom-end';
  /** So many of its choices are in force: told on the button. */
  count?: number;
  className?: string;
  children: (close: () => void) => ReactNode;
}

export function TableMenu({ label, icon: Icon, position, count = 0, className = '', children }: TableMenuProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover opened={isOpen} onChange={setOpen} position={position} width={320} trapFocus withinPortal shadow="md">
      <Indicator disabled={count === 0} label={count} size={18}>
        <Popover.Target>
          <Button
            variant="default"
            aria-expanded={isOpen}
            leftSection={<Icon size={16} aria-hidden />}
            onClick={() => setOpen(open => !open)}
          >
            {label}
          </Button>
        </Popover.Target>
      </Indicator>
      <Popover.Dropdown aria-label={label} className={className}>
        {isOpen && children(() => setOpen(false))}
      </Popover.Dropdown>
    </Popover>
  );
}
